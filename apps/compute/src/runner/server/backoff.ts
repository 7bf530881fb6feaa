/** Waiting times between restarts: doubling, capped, with jitter, and short again after a while of health. */
export interface BackoffOptions {
  readonly firstMs: number;
  readonly longestMs: number;
  /** Up for so long, the next failure counts as the first. */
  readonly resetAfterMs: number;
  readonly random: () => number;
}

export class Backoff {
  private failures = 0;

  constructor(private readonly options: BackoffOptions) {}

  /** How long to wait now, given for how long it had been up. */
  next(upMs: number): number {
    const { firstMs, longestMs, resetAfterMs, random } = this.options;
    if (upMs >= resetAfterMs) this.failures = 0;
    const waitMs = Math.min(firstMs * 2 ** this.failures, longestMs);
    this.failures += 1;
    // Up to a quarter less, so that what fell together does not rise together.
    return Math.round(waitMs * (1 - 0.25 * random()));
  }
}
