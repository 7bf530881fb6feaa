export interface CircuitBreakerOptions {
  /** Failures in a row that open the circuit. */
  readonly threshold: number;
  /** How long the first opening lasts; each further one twice as long, up to `maxOpenMs`. */
  readonly openMs: number;
  readonly maxOpenMs: number;
}

export const defaultBreaker: CircuitBreakerOptions = { threshold: 5, openMs: 1_000, maxOpenMs: 30_000 };

/**
 * Keeps work away from one node that fails as a node. After its time an open circuit lets one call through; the outcome
 * of that call closes it or opens it for longer. Times are milliseconds on the caller's monotonic clock.
 */
export class CircuitBreaker {
  private failures = 0;
  private openings = 0;
  private openUntil = 0;
  private trying = false;

  constructor(private readonly options: CircuitBreakerOptions = defaultBreaker) {}

  /** Whether a call may go to this node now. */
  admits(now: number): boolean {
    if (this.openUntil === 0) return true;
    return now >= this.openUntil && !this.trying;
  }

  /** A call goes out. */
  begin(now: number): void {
    if (this.openUntil !== 0 && now >= this.openUntil) this.trying = true;
  }

  succeed(): void {
    this.failures = 0;
    this.openings = 0;
    this.openUntil = 0;
    this.trying = false;
  }

  fail(now: number): void {
    this.trying = false;
    this.failures += 1;
    if (this.failures < this.options.threshold) return;
    const { openMs, maxOpenMs } = this.options;
    this.openUntil = now + Math.min(maxOpenMs, openMs * 2 ** this.openings);
    this.openings = Math.min(this.openings + 1, 16);
    // The one call that will be let through decides alone.
    this.failures = this.options.threshold - 1;
  }

  /** The call ended for a reason that says nothing of the node. */
  abandon(): void {
    this.trying = false;
  }
}
