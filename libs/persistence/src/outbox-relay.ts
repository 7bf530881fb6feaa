import { randomUUID } from 'node:crypto';
import pg from 'pg';
import type { DatabaseApp } from '#contracts';
import { schemaOf } from './app-role.js';
import { outboxChannel } from './outbox.js';
import { type ClaimedStream, type OutboxMessage, OutboxStore } from './outbox-store.js';

export interface OutboxRelayOptions {
  readonly pool: pg.Pool;
  readonly app: DatabaseApp;
  /**
   * Hands one message on; resolves when it is taken for good. A rejection is tried again later, and holds back the rest of
   * its stream. May be called again with a message that was delivered already (`messageId` is the key to tell).
   */
  deliver(message: OutboxMessage): Promise<void>;
  /** Told of every failed delivery; content is not passed on. */
  readonly onFailure?: (failure: { stream: string; kind: string; attempts: number; error: unknown }) => void;
  /** First wait after a failure (200 ms); doubles up to `maxBackoffMs` (60 s), each time between half and all of it. */
  readonly backoffMs?: number;
  readonly maxBackoffMs?: number;
  /** How long one relay may keep a stream before another takes it over (30 s). */
  readonly claimMs?: number;
  /** Streams delivered side by side (4). */
  readonly concurrency?: number;
  /** Messages with a dedup key are kept this long after their delivery (a day); others go at once. */
  readonly keepMs?: number;
  /** How often to look without being told, in case a notice was lost (5 s). */
  readonly idlePollMs?: number;
  /** Between 0 and 1; for tests. */
  readonly random?: () => number;
}

/**
 * Delivers an app's outbox: in order within a stream, at least once, streams side by side. A failing message holds back
 * its own stream only. Several relays may run: a stream belongs to one at a time. Wakes by LISTEN; when nothing is due it
 * asks once in `idlePollMs`.
 */
export class OutboxRelay {
  readonly #options: OutboxRelayOptions;
  readonly #store: OutboxStore;
  readonly #active = new Map<string, Promise<void>>();
  #listener: pg.Client | undefined;
  #listenerBackoffMs = 100;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;
  #lookAgain = false;
  #closed = false;
  #prunedAt = 0;

  constructor(options: OutboxRelayOptions) {
    this.#options = options;
    this.#store = new OutboxStore(options.pool, schemaOf(options.app), options.claimMs ?? 30_000);
  }

  async start(): Promise<void> {
    await this.#listen();
    this.wake();
  }

  /** Looks for work now; an app calls it after its own commit to spare the notice's way. */
  wake(): void {
    if (this.#closed) return;
    if (this.#looking) {
      this.#lookAgain = true;
      return;
    }
    clearTimeout(this.#timer);
    this.#looking = this.#look().finally(() => {
      this.#looking = undefined;
      if (this.#lookAgain) {
        this.#lookAgain = false;
        this.wake();
      }
    });
  }

  /** Ends a stream's back-off: its receiver was heard from. */
  async reset(stream: string): Promise<void> {
    await this.#store.reset(stream);
    this.wake();
  }

  /** How long the oldest message waits already, for a metric; 0 where none does. Errors of the driver. */
  oldestPendingSeconds(): Promise<number> {
    return this.#store.oldestPendingSeconds();
  }

  /** Takes nothing new; resolves when what is being delivered is delivered and marked, or given back. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    const listener = this.#listener;
    this.#listener = undefined;
    await listener?.end().catch(() => undefined);
    await this.#looking;
    await Promise.all(this.#active.values());
  }

  async #listen(): Promise<void> {
    if (this.#closed) return;
    const client = new pg.Client({ ...this.#options.pool.options, statement_timeout: 0, query_timeout: 0 });
    client.on('notification', () => this.wake());
    client.once('error', () => this.#relisten(client));
    client.once('end', () => this.#relisten(client));
    try {
      await client.connect();
      await client.query(`LISTEN ${pg.escapeIdentifier(outboxChannel(this.#options.app))}`);
      if (this.#closed) {
        await client.end();
        return;
      }
      this.#listener = client;
      this.#listenerBackoffMs = 100;
      // What was appended while nobody listened.
      this.wake();
    } catch {
      // Until the server is back the idle poll carries on.
      this.#relisten(client);
    }
  }

  #relisten(client: pg.Client): void {
    client.removeAllListeners('end');
    client.removeAllListeners('error');
    client.on('error', () => undefined);
    if (this.#closed || (this.#listener && this.#listener !== client)) return;
    this.#listener = undefined;
    client.end().catch(() => undefined);
    this.#listenerBackoffMs = Math.min(this.#listenerBackoffMs * 2, 10_000);
    setTimeout(() => void this.#listen(), this.#listenerBackoffMs).unref();
  }

  async #look(): Promise<void> {
    const { concurrency = 4, idlePollMs = 5_000 } = this.#options;
    let nextLookMs = idlePollMs;
    try {
      const inHand = [...this.#active.keys()];
      const free = concurrency - this.#active.size;
      const claimed = free > 0 ? await this.#store.claim(randomUUID(), free, inHand) : [];
      for (const stream of claimed) this.#startStream(stream);
      if (claimed.length === 0) {
        const due = await this.#store.msUntilDue(inHand);
        if (due !== undefined) nextLookMs = Math.min(nextLookMs, Math.max(due, 20));
        await this.#prune();
      }
    } catch (error) {
      this.#options.onFailure?.({ stream: '', kind: '', attempts: 0, error });
      nextLookMs = 1_000;
    }
    if (this.#closed) return;
    this.#timer = setTimeout(() => this.wake(), nextLookMs);
    // A relay by itself is no reason for a process to live on.
    this.#timer.unref();
  }

  #startStream(claimed: ClaimedStream): void {
    const { onFailure, claimMs = 30_000 } = this.#options;
    const { stream, attempts } = claimed;
    // The books could not be kept: the claim lapses, and the messages are delivered again.
    const failed = (error: unknown) => onFailure?.({ stream, kind: '', attempts, error });
    const extending = setInterval(() => void this.#store.extend(claimed).catch(failed), claimMs / 3);
    const run = this.#deliverStream(claimed)
      .catch(failed)
      .finally(() => {
        clearInterval(extending);
        this.#active.delete(stream);
        this.wake();
      });
    this.#active.set(stream, run);
  }

  async #deliverStream(claimed: ClaimedStream): Promise<void> {
    let { deliveredSequence, attempts } = claimed;
    for (;;) {
      const messages = await this.#store.next(claimed.stream, deliveredSequence, 50);
      if (messages.length === 0 || this.#closed) break;
      const first = deliveredSequence;
      for (const message of messages) {
        try {
          await this.#options.deliver(message);
        } catch (error) {
          attempts = deliveredSequence === first ? attempts + 1 : 1;
          this.#options.onFailure?.({ stream: message.stream, kind: message.kind, attempts, error });
          await this.#store.fail(claimed, deliveredSequence, attempts, this.#backoffMs(attempts));
          return;
        }
        deliveredSequence = message.sequence;
        if (this.#closed) break;
      }
      attempts = 0;
      if (!(await this.#store.progress(claimed, deliveredSequence))) return;
    }
    await this.#store.release(claimed, deliveredSequence);
  }

  #backoffMs(attempts: number): number {
    const { backoffMs = 200, maxBackoffMs = 60_000, random = Math.random } = this.#options;
    const full = Math.min(maxBackoffMs, backoffMs * 2 ** Math.min(attempts - 1, 30));
    return Math.round(full / 2 + (random() * full) / 2);
  }

  async #prune(): Promise<void> {
    const { keepMs = 86_400_000 } = this.#options;
    const now = performance.now();
    if (this.#prunedAt !== 0 && now - this.#prunedAt < 60_000) return;
    this.#prunedAt = now;
    await this.#store.prune(keepMs);
  }
}
