import { ExpiryClock } from './expiry-clock.js';
import type { LedgerStore } from './ledger.ports.js';

export interface PostingOptions {
  readonly store: Pick<LedgerStore, 'postUsage' | 'expire' | 'extendBlocks' | 'now'>;
  readonly postDelayMs: number;
  readonly sweepIntervalMs: number;
  readonly blockTtlMs: number;
  /** A clock that never jumps, in milliseconds. */
  readonly monotonicMs: () => number;
  readonly onPosted: (transfers: number) => void;
  readonly onExpired: (kind: 'block' | 'hold', count: number) => void;
  readonly onJump: (extendedBlocks: number) => void;
  readonly onError: (error: unknown) => void;
}

// Blocks of one commit: while it runs, their usage waits.
const blocksAtOnce = 100;

/**
 * Moves the ledger after usage, and gives back what has expired. Usage asks for it by `nudge`, so that an idle toll posts
 * nothing; the sweep finds what another replica left behind when it died. Replicas exclude one another in the database.
 */
export class PostingSystem {
  readonly #options: PostingOptions;
  readonly #clock = new ExpiryClock();
  #post: NodeJS.Timeout | undefined;
  #sweep: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: PostingOptions) {
    this.#options = options;
  }

  start(): void {
    this.#scheduleSweep();
  }

  /** Says that usage was recorded. */
  nudge(): void {
    if (this.#post || this.#closed) return;
    this.#post = setTimeout(() => {
      this.#post = undefined;
      void this.#inTurn(() => this.postAll());
    }, this.#options.postDelayMs);
  }

  /** Posts everything that is not yet posted. */
  async postAll(): Promise<void> {
    for (;;) {
      const { blocks, transfers } = await this.#options.store.postUsage(blocksAtOnce);
      if (transfers > 0) this.#options.onPosted(transfers);
      if (blocks < blocksAtOnce) return;
    }
  }

  /** One look for what has expired. */
  async sweepOnce(): Promise<void> {
    const { store, blockTtlMs, monotonicMs, onJump, onExpired } = this.#options;
    const now = await store.now();
    const verdict = this.#clock.observe(now.getTime(), monotonicMs());
    if (verdict === 'jumped') onJump(await store.extendBlocks(blockTtlMs));
    if (verdict !== 'steady') return;
    for (;;) {
      const { blocks, holds } = await store.expire(blocksAtOnce, now);
      if (blocks > 0) onExpired('block', blocks);
      if (holds > 0) onExpired('hold', holds);
      if (blocks + holds < blocksAtOnce) return;
    }
  }

  /** Ends the timers, lets what runs finish, and posts what is left. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#post);
    clearTimeout(this.#sweep);
    await this.#inTurn(() => this.postAll());
  }

  #scheduleSweep(): void {
    if (this.#closed) return;
    this.#sweep = setTimeout(() => {
      void this.#inTurn(async () => {
        await this.sweepOnce();
        await this.postAll();
      }).then(() => this.#scheduleSweep());
    }, this.#options.sweepIntervalMs);
  }

  /** One after another; a failure is told and the next turn tries again. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    this.#running = this.#running.then(work).catch(this.#options.onError);
    return this.#running;
  }
}
