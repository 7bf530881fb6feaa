/** So many calls of one process to a node are told apart. */
export const REMEMBERED_CALLS = 4_096;
const WINDOW = REMEMBERED_CALLS;
const WORDS = WINDOW / 32;
/** A baseline older than two of these no longer describes the path from a caller. */
const BASELINE_MS = 10_000;
const MAX_INSTANCES = 4;

/** What a node remembers of one process that calls it: which of its calls it has seen, and how long they travel at best. */
class InstanceWindow {
  private highest = 0;
  private readonly seen = new Int32Array(WORDS);
  private best = Number.POSITIVE_INFINITY;
  private previousBest = Number.POSITIVE_INFINITY;
  private since = Number.NEGATIVE_INFINITY;

  /** Whether call `n` is new. One process counts its calls to a node, so a sliding bitmap suffices (RFC 4303, 3.4.3). */
  admit(n: number): boolean {
    if (n > this.highest) {
      if (n - this.highest >= WINDOW) this.seen.fill(0);
      else for (let i = this.highest + 1; i < n; i++) this.clear(i);
      this.highest = n;
    } else if (n <= this.highest - WINDOW || this.has(n)) {
      return false;
    }
    this.set(n);
    return true;
  }

  /** Whether call `n` has come, or is so old that it cannot be told. */
  received(n: number): boolean {
    return n <= this.highest && (n <= this.highest - WINDOW || this.has(n));
  }

  /**
   * How much longer than the fastest recent message this one was under way, in ms. The two clocks need not agree: only
   * the change of their difference counts. A process that was stalled finds by this that a call has waited for it.
   */
  excessMs(sentAt: number, receivedAt: number): number {
    const difference = receivedAt - sentAt;
    if (receivedAt - this.since > BASELINE_MS) {
      // The last bucket with something in it is kept, so that a long stall does not make its own backlog the baseline.
      if (this.best !== Number.POSITIVE_INFINITY) this.previousBest = this.best;
      this.best = Number.POSITIVE_INFINITY;
      this.since = receivedAt;
    }
    if (difference < this.best) this.best = difference;
    return difference - Math.min(this.best, this.previousBest);
  }

  private has(n: number): boolean {
    const at = n % WINDOW;
    return ((this.seen[at >>> 5] ?? 0) & (1 << (at & 31))) !== 0;
  }

  private set(n: number): void {
    const at = n % WINDOW;
    this.seen[at >>> 5] = (this.seen[at >>> 5] ?? 0) | (1 << (at & 31));
  }

  private clear(n: number): void {
    const at = n % WINDOW;
    this.seen[at >>> 5] = (this.seen[at >>> 5] ?? 0) & ~(1 << (at & 31));
  }
}

/** The windows of all who call, bounded: a few processes a node id (the one before a restart and the one after). */
export class CallerWindows {
  private readonly callers = new Map<string, Map<string, InstanceWindow>>();

  constructor(private readonly maxCallers = 4_096) {}

  /** Undefined for a process from which nothing has come. */
  known(nodeId: string, instance: string): InstanceWindow | undefined {
    return this.callers.get(nodeId)?.get(instance);
  }

  of(nodeId: string, instance: string): InstanceWindow {
    let instances = this.callers.get(nodeId);
    if (!instances) {
      if (this.callers.size >= this.maxCallers) dropOldest(this.callers);
      instances = new Map();
      this.callers.set(nodeId, instances);
    }
    let window = instances.get(instance);
    if (!window) {
      if (instances.size >= MAX_INSTANCES) dropOldest(instances);
      window = new InstanceWindow();
      instances.set(instance, window);
    }
    return window;
  }
}

function dropOldest<Value>(map: Map<string, Value>): void {
  for (const key of map.keys()) {
    map.delete(key);
    return;
  }
}
