const firstMs = 20;
const longestMs = 10_000;
/** What ran so long has earned its short pause back. */
const healthyAfterMs = 60_000;

/**
 * How long to wait before something that ended unasked is started again: hardly at all at first, because people wait for
 * it, then twice as long each time up to ten seconds, because what falls at once again would take the machine with it.
 */
export class RestartPause {
  private failures = 0;

  constructor(private readonly random: () => number = Math.random) {}

  /** For something that had been up for `upMs`; nothing where it never came up. */
  nextMs(upMs = 0): number {
    if (upMs >= healthyAfterMs) this.failures = 0;
    const pauseMs = Math.min(longestMs, firstMs * 2 ** this.failures);
    this.failures += 1;
    // A quarter of it is chance, so that what fell together does not rise together.
    return Math.round(pauseMs * (0.75 + this.random() / 4));
  }
}
