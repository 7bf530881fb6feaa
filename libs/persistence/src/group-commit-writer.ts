import type pg from 'pg';
import { WatershedError } from '#errors';
import { databaseError, isConnectionError } from './database.errors.js';
import { commit } from './database.js';

/** What `execute` gets: enough of a `pg` client to run SQL, nothing that could end the transaction's connection. */
export interface CommitClient {
  query<Row extends pg.QueryResultRow = pg.QueryResultRow>(
    query: string | pg.QueryConfig,
    values?: unknown[],
  ): Promise<pg.QueryResult<Row>>;
}

export interface GroupCommitWriterOptions<Write, Outcome> {
  readonly pool: pg.Pool;
  /** Names the writer in errors. */
  readonly name: string;
  /** Writes in one commit at most (256). */
  readonly maxBatch?: number;
  /** Writes waiting at most (20,000); more are refused as `overloaded`. */
  readonly maxPending?: number;
  /**
   * Runs all writes, best as one statement over `unnest` arrays, and answers one outcome a write, in the same order: a
   * value, or an `Error` that its caller alone gets. When it throws, the batch is rolled back and tried again in halves
   * until the bad write stands alone. Must not end the transaction.
   */
  execute(client: CommitClient, writes: readonly Write[]): Promise<readonly (Outcome | Error)[]>;
  /**
   * `transaction` (the default) wraps each batch in BEGIN … COMMIT. `statement` leaves them out, one round trip instead of
   * three, and holds `execute` to a single statement, which is a transaction by itself.
   */
  readonly mode?: 'transaction' | 'statement';
}

interface Waiting<Write, Outcome> {
  readonly write: Write;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Coalesces independent writes: while one commit is in flight the next batch gathers, so that the cost of a commit is
 * shared and a lone write waits for nothing. Batches run one after another in the order of the calls. Nobody is answered
 * before the commit; after a lost connection, whose commit may or may not have happened, every caller of that batch gets
 * `database_unavailable` and asks again under its unique key.
 */
export class GroupCommitWriter<Write, Outcome> {
  #waiting: Waiting<Write, Outcome>[] = [];
  #running: Promise<void> | undefined;
  #closed = false;
  readonly #options: GroupCommitWriterOptions<Write, Outcome>;
  readonly #maxBatch: number;
  readonly #maxPending: number;

  constructor(options: GroupCommitWriterOptions<Write, Outcome>) {
    this.#options = options;
    this.#maxBatch = options.maxBatch ?? 256;
    this.#maxPending = options.maxPending ?? 20_000;
  }

  /** Writes that wait for the commit after the one in flight. */
  get pending(): number {
    return this.#waiting.length;
  }

  /** Resolves after the commit with this write's outcome. Rejects with its refusal, `overloaded` or `database_unavailable`. */
  write(write: Write): Promise<Outcome> {
    if (this.#closed) {
      return Promise.reject(new WatershedError('shutting_down', `The writer "${this.#options.name}" is closing.`));
    }
    if (this.#waiting.length >= this.#maxPending) {
      return Promise.reject(
        new WatershedError('overloaded', `Too many writes wait for "${this.#options.name}". Try again shortly.`, {
          retryAfterMs: 500,
        }),
      );
    }
    return new Promise<Outcome>((resolve, reject) => {
      this.#waiting.push({ write, resolve, reject });
      // A microtask later, so that callers of the same turn share the first commit too.
      this.#running ??= Promise.resolve().then(() => this.#drain());
    });
  }

  /** Takes no more writes; resolves when those taken are answered. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#running;
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, this.#maxBatch);
      await this.#commit(batch);
    }
    this.#running = undefined;
  }

  /** Answers every member of `batch`, whatever happens; never throws. */
  async #commit(batch: readonly Waiting<Write, Outcome>[]): Promise<void> {
    let outcomes: readonly (Outcome | Error)[];
    try {
      outcomes = await this.#execute(batch.map(({ write }) => write));
    } catch (error) {
      const mapped = databaseError(error);
      const splittable = mapped === error && !isConnectionError(error) && !(error instanceof MiscountError);
      if (batch.length > 1 && splittable) {
        // One of them is bad: halves in order, so that writes keep their sequence and neighbours their outcome.
        const middle = batch.length >> 1;
        await this.#commit(batch.slice(0, middle));
        await this.#commit(batch.slice(middle));
        return;
      }
      for (const { reject } of batch) reject(mapped);
      return;
    }
    batch.forEach(({ resolve, reject }, index) => {
      const outcome = outcomes[index];
      if (outcome instanceof Error) reject(outcome);
      else resolve(outcome as Outcome);
    });
  }

  async #execute(writes: readonly Write[]): Promise<readonly (Outcome | Error)[]> {
    const { pool, mode = 'transaction' } = this.#options;
    const client = await pool.connect();
    let broken: Error | undefined;
    const onError = (error: Error) => {
      broken = error;
    };
    client.on('error', onError);
    try {
      if (mode === 'statement') return this.#counted(writes, await this.#options.execute(onceOnly(client), writes));
      await client.query('BEGIN');
      const outcomes = this.#counted(writes, await this.#options.execute(client, writes));
      await commit(client);
      return outcomes;
    } catch (error) {
      if (isConnectionError(error)) broken ??= error instanceof Error ? error : new Error(String(error));
      else if (mode === 'transaction') {
        await client.query('ROLLBACK').catch((rollbackError: Error) => {
          broken ??= rollbackError;
        });
      }
      throw error;
    } finally {
      client.off('error', onError);
      client.release(broken);
    }
  }

  #counted(writes: readonly Write[], outcomes: readonly (Outcome | Error)[]): readonly (Outcome | Error)[] {
    if (outcomes.length === writes.length) return outcomes;
    throw new MiscountError(this.#options.name, outcomes.length, writes.length);
  }
}

/**
 * A fault in the code of `execute`, never split: halves would fail alike, and in `statement` mode the statement has
 * committed already, so a second execution would write everything twice.
 */
class MiscountError extends WatershedError {
  constructor(name: string, outcomes: number, writes: number) {
    super('internal', `"${name}" answered ${outcomes} of ${writes} writes.`);
  }
}

/** Refuses a second statement, which would be a second transaction. */
function onceOnly(client: CommitClient): CommitClient {
  let used = false;
  return {
    query(query, values) {
      if (used) return Promise.reject(new Error('a writer in statement mode runs one statement a batch'));
      used = true;
      return client.query(query, values);
    },
  };
}
