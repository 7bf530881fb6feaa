/** How one batch was answered: an outcome an item, in order. */
export type BatchOutcome<Result> =
  | { readonly ok: true; readonly value: Result }
  | { readonly ok: false; readonly error: unknown };

export interface CoalescerOptions<Item, Result> {
  readonly maxBatch: number;
  /** Batches under way at once. One gives the largest batches; two hide the latency of one behind the other. */
  readonly concurrency: number;
  /**
   * How long a batch is kept open for more, in milliseconds, while the one before had more than one item. A batch has a
   * price of its own (a message, a commit), which a crowd shares the better the more of it waits; who comes alone does
   * not wait at all.
   */
  readonly lingerMs: number;
  /** Carries the trace of who adds an item, where one is kept: a batch is sent in that of its first. */
  readonly bind?: () => Bound;
  /** Rejects only when the whole batch failed. */
  readonly send: (items: readonly Item[]) => Promise<readonly BatchOutcome<Result>[]>;
}

type Bound = <Value>(fn: () => Value) => Value;

interface Waiting<Item, Result> {
  readonly item: Item;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
  readonly bound: Bound | undefined;
}

/**
 * Sends items in batches: what arrives in one turn of the event loop goes together, and what arrives while the allowed
 * number of batches is under way waits for the next. An idle coalescer so adds no delay but the turn, and a busy one
 * makes its batches as large as the other side is slow.
 */
export class Coalescer<Item, Result> {
  private waiting: Waiting<Item, Result>[] = [];
  private underWay = 0;
  private scheduled = false;
  private crowded = false;
  private settled: (() => void)[] = [];

  constructor(private readonly options: CoalescerOptions<Item, Result>) {}

  get idle(): boolean {
    return this.waiting.length === 0 && this.underWay === 0;
  }

  add(item: Item): Promise<Result> {
    return new Promise<Result>((resolve, reject) => {
      this.waiting.push({ item, resolve, reject, bound: this.options.bind?.() });
      this.schedule();
    });
  }

  /** Resolves when nothing waits and nothing is under way. */
  async drained(): Promise<void> {
    if (this.idle) return;
    await new Promise<void>((resolve) => this.settled.push(resolve));
  }

  private schedule(): void {
    if (this.scheduled || this.underWay >= this.options.concurrency) return;
    this.scheduled = true;
    const dispatch = () => {
      this.scheduled = false;
      this.dispatch();
    };
    if (this.crowded && this.options.lingerMs > 0) setTimeout(dispatch, this.options.lingerMs);
    else setImmediate(dispatch);
  }

  private dispatch(): void {
    while (this.waiting.length > 0 && this.underWay < this.options.concurrency) {
      const batch = this.waiting.splice(0, this.options.maxBatch);
      this.underWay++;
      this.crowded = batch.length > 1;
      void this.run(batch);
    }
  }

  private async run(batch: readonly Waiting<Item, Result>[]): Promise<void> {
    try {
      const send = () => this.options.send(batch.map(({ item }) => item));
      const bound = batch[0]?.bound;
      const outcomes = await (bound ? bound(send) : send());
      batch.forEach(({ resolve, reject }, index) => {
        const outcome = outcomes[index];
        if (!outcome) reject(new Error('a batch was answered with fewer outcomes than it had items'));
        else if (outcome.ok) resolve(outcome.value);
        else reject(outcome.error);
      });
    } catch (error) {
      for (const { reject } of batch) reject(error);
    } finally {
      this.underWay--;
      if (this.waiting.length > 0) this.schedule();
      else if (this.underWay === 0) for (const resolve of this.settled.splice(0)) resolve();
    }
  }
}
