/** What follows from how an inference ended. */
export type CrashVerdict = 'none' | 'reload' | 'fail';

export interface CrashLimits {
  /** A second crash within so long of the first is one too many. */
  readonly windowMs: number;
  /** After that the model rests so long before anybody may load it here again. */
  readonly restMs: number;
  /** So many failures in a row, without one success, are taken for a dead model that still says it is ready. */
  readonly failuresInARow: number;
}

export const defaultCrashLimits: CrashLimits = { windowMs: 60_000, restMs: 60_000, failuresInARow: 5 };

/**
 * When a model's process dies it is unloaded and loaded once; when it dies again within a minute it has failed, because
 * whatever kills it is still being sent. The same when it hangs twice without one answer in between. Failures that are not deaths can cause a reload, at most one a window, but
 * never a verdict: else anybody who can make a model fail could take it away from everyone.
 */
export class CrashPolicy {
  private lastCrashMs: number | undefined;
  private lastFailureReloadMs: number | undefined;
  private failuresInARow = 0;
  private restUntilMs: number | undefined;
  private hungSinceSuccess = false;

  constructor(private readonly limits: CrashLimits = defaultCrashLimits) {}

  succeeded(): void {
    this.failuresInARow = 0;
    this.hungSinceSuccess = false;
  }

  /**
   * It was killed because it answered nothing for as long as an inference may take. That takes as long each time, so it is
   * not a window that tells a second time from a first, but whether it did anything in between.
   */
  hung(nowMs: number): CrashVerdict {
    this.failuresInARow = 0;
    const again = this.hungSinceSuccess;
    this.hungSinceSuccess = true;
    if (!again) return 'reload';
    this.restUntilMs = nowMs + this.limits.restMs;
    return 'fail';
  }

  crashed(nowMs: number): CrashVerdict {
    this.failuresInARow = 0;
    const { windowMs, restMs } = this.limits;
    const again = this.lastCrashMs !== undefined && nowMs - this.lastCrashMs < windowMs;
    this.lastCrashMs = nowMs;
    if (!again) return 'reload';
    this.restUntilMs = nowMs + restMs;
    return 'fail';
  }

  failed(nowMs: number): CrashVerdict {
    this.failuresInARow += 1;
    if (this.failuresInARow < this.limits.failuresInARow) return 'none';
    const { windowMs } = this.limits;
    if (this.lastFailureReloadMs !== undefined && nowMs - this.lastFailureReloadMs < windowMs) return 'none';
    this.failuresInARow = 0;
    this.lastFailureReloadMs = nowMs;
    return 'reload';
  }

  /** How long nobody may load it here yet; 0 when they may. */
  restMs(nowMs: number): number {
    return this.restUntilMs === undefined ? 0 : Math.max(0, this.restUntilMs - nowMs);
  }
}
