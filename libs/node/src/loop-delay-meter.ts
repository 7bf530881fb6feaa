const SAMPLE_MS = 200;

/**
 * How late this process's timers fire. Node's own histogram of the event loop would count the same, but one of them
 * keeps a native handle for every node of a process until it is collected.
 */
export class LoopDelayMeter {
  private timer: NodeJS.Timeout | undefined;
  private dueAt = 0;
  private worstMs = 0;

  start(): void {
    if (this.timer) return;
    this.dueAt = performance.now() + SAMPLE_MS;
    this.timer = setInterval(() => {
      const now = performance.now();
      this.worstMs = Math.max(this.worstMs, now - this.dueAt);
      this.dueAt = now + SAMPLE_MS;
    }, SAMPLE_MS);
    this.timer.unref();
  }

  stop(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }

  /** The worst delay since this was asked last, in ms: of the few samples of a second the 99th percentile. */
  takeMs(): number {
    const worstMs = Math.max(0, this.worstMs);
    this.worstMs = 0;
    return Math.round(worstMs * 100) / 100;
  }
}
