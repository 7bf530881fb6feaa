/** The port through which code under test announces that it reached a named point; production passes nothing. */
export interface RacePort {
  reached(point: string): Promise<void>;
}

interface Gate {
  readonly arrived: Promise<void>;
  readonly arrive: () => void;
  readonly opened: Promise<void>;
  readonly open: () => void;
}

function gate(): Gate {
  let arrive: () => void = () => undefined;
  let open: () => void = () => undefined;
  const arrived = new Promise<void>((resolve) => {
    arrive = resolve;
  });
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { arrived, arrive, opened, open };
}

/**
 * Orders concurrent code by named points in place of sleeps: a test holds a point, waits until the code stands there, does
 * the thing that must happen in between, and lets it go.
 */
export class RacePoints implements RacePort {
  readonly #held = new Map<string, Gate[]>();
  /** Gates that code stands at: they are no longer waited for, and must open all the same. */
  readonly #standing = new Set<Gate>();
  readonly #passed: string[] = [];

  /** Every point reached so far, in order. */
  get passed(): readonly string[] {
    return this.#passed;
  }

  /** Stops the next arrival at `point`. `arrived` resolves when the code stands there; `release` lets it go on. */
  hold(point: string, { timeoutMs = 5_000 }: { readonly timeoutMs?: number } = {}) {
    const made = gate();
    this.#held.set(point, [...(this.#held.get(point) ?? []), made]);
    return {
      arrived: async () => {
        let timer: NodeJS.Timeout | undefined;
        const late = new Promise<never>((_, reject) => {
          timer = setTimeout(
            () =>
              reject(
                new Error(`nothing reached "${point}" within ${timeoutMs} ms; passed: ${this.#passed.join(', ')}`),
              ),
            timeoutMs,
          );
        });
        await Promise.race([made.arrived, late]).finally(() => clearTimeout(timer));
      },
      release: made.open,
    };
  }

  async reached(point: string): Promise<void> {
    this.#passed.push(point);
    const next = this.#held.get(point)?.shift();
    if (!next) return;
    this.#standing.add(next);
    next.arrive();
    await next.opened;
    this.#standing.delete(next);
  }

  /** Opens everything that is still held, reached or not, so that a failed test leaves nothing hanging. */
  releaseAll(): void {
    for (const gates of this.#held.values()) for (const one of gates) one.open();
    for (const one of this.#standing) one.open();
    this.#held.clear();
  }
}
