export interface StallWatchOptions {
  /** A version with work that answers nothing for so long is hung: no single inference may take longer. */
  readonly limitMs: number;
  readonly stalled: (name: string, version: string) => void;
  readonly now: () => number;
  readonly after?: (ms: number, call: () => void) => void;
}

/** A timer that rings so much later than it should was held up, and what came meanwhile is not read yet. */
const lateMs = 50;

interface Work {
  outstanding: number;
  /** When it last answered, or got work after having none. */
  sinceMs: number;
  planned: boolean;
  /** It has been given the time that this process was held up itself; once between two answers. */
  extended: boolean;
}

/**
 * Tells a hung model from a slow one, by its answers alone. What counts is not how long a request waits, because it may
 * stand behind others, nor how long its caller does, because callers give up as they like: it is how long the model has
 * had work without finishing any of it. No model is asked whether it lives: one that loops in native code would say yes,
 * one on a busy machine would say nothing.
 */
export class StallWatch {
  private readonly work = new Map<string, Work>();
  private readonly after: (ms: number, call: () => void) => void;

  constructor(private readonly options: StallWatchOptions) {
    this.after = options.after ?? ((ms, call) => void setTimeout(call, ms).unref());
  }

  /** A request is on its way to the model. It counts until the server answers it, whether or not anyone still waits. */
  began(name: string, version: string): void {
    const key = `${name}/${version}`;
    const work = this.work.get(key) ?? { outstanding: 0, sinceMs: 0, planned: false, extended: false };
    this.work.set(key, work);
    if (work.outstanding === 0) work.sinceMs = this.options.now();
    work.outstanding += 1;
    if (!work.planned) this.plan(name, version, work, this.options.limitMs);
  }

  ended(name: string, version: string): void {
    const work = this.work.get(`${name}/${version}`);
    if (!work) return;
    work.outstanding -= 1;
    work.extended = false;
    work.sinceMs = this.options.now();
  }

  /** One timer a version that works, set anew when it rings: answers, of which there are many, only write down the time. */
  private plan(name: string, version: string, work: Work, ms: number): void {
    work.planned = true;
    const dueMs = this.options.now() + ms;
    this.after(ms, () => {
      work.planned = false;
      if (work.outstanding === 0) {
        this.work.delete(`${name}/${version}`);
        return;
      }
      const { limitMs, now, stalled } = this.options;
      const heldUpMs = now() - dueMs;
      if (heldUpMs > lateMs && !work.extended) {
        work.extended = true;
        this.plan(name, version, work, Math.min(Math.ceil(heldUpMs), limitMs));
        return;
      }
      const leftMs = work.sinceMs + limitMs - now();
      if (leftMs > 0) {
        this.plan(name, version, work, Math.ceil(leftMs));
        return;
      }
      // Whoever is told ends it, and then everything that is outstanding ends; should that fail, it is told again.
      work.sinceMs = now();
      this.plan(name, version, work, limitMs);
      stalled(name, version);
    });
  }
}
