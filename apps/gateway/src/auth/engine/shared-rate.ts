import { LRUCache } from 'lru-cache';

export interface SharedRateOptions {
  /** Requests a key in a window, at all gateways together. */
  readonly limit: number;
  readonly windowMs: number;
  /** Keys that are remembered; the one asked about longest ago is forgotten first. */
  readonly maxKeys: number;
  /** A clock that never runs backwards, in milliseconds. */
  readonly now: () => number;
}

/** What another gateway has let through of a key. */
export interface RateCount {
  readonly key: string;
  readonly count: number;
  /** Of the window in which it was counted. */
  readonly leftMs: number;
}

export interface RateStanding {
  readonly exceeded: boolean;
  readonly remaining: number;
  /** Until the window ends. */
  readonly resetMs: number;
}

interface Window {
  count: number;
  readonly endsAtMs: number;
}

/**
 * Counts requests a key in windows that begin with the first of them. What is let through here is told to the other
 * gateways a moment later, and theirs is added: so all together let through hardly more than the limit, and no request
 * waits for anybody. Who hears of a key for the first time takes over the window, so that windows end together.
 */
export class SharedRate {
  private readonly windows: LRUCache<string, Window>;
  private fresh = new Map<string, number>();

  constructor(private readonly options: SharedRateOptions) {
    this.windows = new LRUCache({ max: options.maxKeys });
  }

  /** Counts one request; `shared`: there are other gateways to tell. */
  count(key: string, shared: boolean): RateStanding {
    const { limit, windowMs, now } = this.options;
    const at = now();
    const window = this.windowOf(key, at, windowMs);
    window.count += 1;
    const exceeded = window.count > limit;
    if (shared && !exceeded) this.fresh.set(key, (this.fresh.get(key) ?? 0) + 1);
    return { exceeded, remaining: Math.max(0, limit - window.count), resetMs: window.endsAtMs - at };
  }

  /** What was counted here since it was last taken. */
  takeFresh(): RateCount[] {
    const at = this.options.now();
    const counts: RateCount[] = [];
    for (const [key, count] of this.fresh) {
      const leftMs = (this.windows.peek(key)?.endsAtMs ?? 0) - at;
      if (leftMs > 0) counts.push({ key, count, leftMs });
    }
    this.fresh = new Map();
    return counts;
  }

  /** What another gateway counted. */
  add(counts: readonly RateCount[]): void {
    const { windowMs, now } = this.options;
    const at = now();
    for (const { key, count, leftMs } of counts) this.windowOf(key, at, Math.min(leftMs, windowMs)).count += count;
  }

  /** What is counted in the windows that last, of the `max` keys that have most. */
  standing(max: number): RateCount[] {
    const at = this.options.now();
    return [...this.windows.entries()]
      .map(([key, { count, endsAtMs }]) => ({ key, count, leftMs: endsAtMs - at }))
      .filter(({ leftMs }) => leftMs > 0)
      .sort((one, other) => other.count - one.count)
      .slice(0, max);
  }

  /** What another gateway knows of all of them, this one before its restart included: so it is not added to what is known. */
  takeOver(counts: readonly RateCount[]): void {
    const { windowMs, now } = this.options;
    const at = now();
    for (const { key, count, leftMs } of counts) {
      const window = this.windowOf(key, at, Math.min(leftMs, windowMs));
      window.count = Math.max(window.count, count);
    }
  }

  private windowOf(key: string, at: number, lengthMs: number): Window {
    const known = this.windows.get(key);
    if (known && known.endsAtMs > at) return known;
    const window = { count: 0, endsAtMs: at + lengthMs };
    this.windows.set(key, window);
    return window;
  }
}
