import type { PlacementEngine } from './engine/placement-engine.js';

export interface ReconcilerOptions {
  readonly engine: Pick<PlacementEngine, 'reconcile'>;
  readonly intervalMs: number;
  /** Changes that come together are looked at together. */
  readonly settleMs: number;
  readonly onError: (error: unknown) => void;
}

/**
 * Looks at everything now and then, and soon after anything changed. It covers every lost job and every missed
 * announcement; one look at a time.
 */
export class Reconciler {
  private timer: NodeJS.Timeout | undefined;
  private dueAt = Number.POSITIVE_INFINITY;
  private looking: Promise<void> | undefined;
  private nudged = false;
  private closed = false;

  constructor(private readonly options: ReconcilerOptions) {}

  start(): void {
    this.plan(0);
  }

  /** Something changed: look soon. */
  nudge(): void {
    if (this.looking) this.nudged = true;
    else this.plan(this.options.settleMs);
  }

  async close(): Promise<void> {
    this.closed = true;
    if (this.timer) clearTimeout(this.timer);
    await this.looking;
  }

  private plan(waitMs: number): void {
    const dueAt = performance.now() + waitMs;
    if (this.closed || (this.timer && this.dueAt <= dueAt)) return;
    if (this.timer) clearTimeout(this.timer);
    this.dueAt = dueAt;
    this.timer = setTimeout(() => this.run(), waitMs);
  }

  private run(): void {
    this.timer = undefined;
    this.looking = this.options.engine
      .reconcile()
      .then(() => undefined, this.options.onError)
      .finally(() => {
        this.looking = undefined;
        const nudged = this.nudged;
        this.nudged = false;
        this.plan(nudged ? this.options.settleMs : this.options.intervalMs);
      });
  }
}
