import pg from 'pg';
import { uuidv7 } from 'uuidv7';
import type { DatabaseApp } from '#contracts';
import { schemaOf } from './app-role.js';
import type { PrismaTransaction } from './database.js';

/** What an app announces after its own commit, to be delivered at least once and in order within its stream. */
export interface OutboxEntry {
  /** What keeps order among itself: an account, a person, a peer. */
  readonly stream: string;
  /** Tells the deliverer what `payload` is. */
  readonly kind: string;
  /** JSON; ids and facts, never a person's content. */
  readonly payload: unknown;
  /** Within the stream: a second append with the same key changes nothing and answers the first one's place. */
  readonly dedupKey?: string;
}

export interface OutboxPlace {
  readonly messageId: string;
  /** Position in the stream; later commits have greater ones. */
  readonly sequence: bigint;
}

/** A transaction in Prisma or in plain SQL. */
export type OutboxTransaction = PrismaTransaction | pg.ClientBase;

interface PlaceRow {
  readonly message_id: string;
  readonly sequence: string | bigint;
}

async function rowsOf<Row extends pg.QueryResultRow>(
  tx: OutboxTransaction,
  sql: string,
  values: readonly unknown[],
): Promise<readonly Row[]> {
  if ('$queryRawUnsafe' in tx) return tx.$queryRawUnsafe<Row[]>(sql, ...values);
  return (await tx.query<Row>(sql, [...values])).rows;
}

/** The channel on which an app's relays hear of appends. */
export const outboxChannel = (app: DatabaseApp): string => `watershed_outbox_${schemaOf(app)}`;

/**
 * Writes into the app's tables `outbox_stream` and `outbox_message` (see the README for their SQL), inside the transaction
 * of the effect that is announced: both happen or neither.
 *
 * The place in a stream comes from the stream's row, locked by the update until the commit, so whoever has the lower number
 * has committed first. A bigserial is drawn before the commit and gives no such promise: a reader that saw 8 may see 7
 * appear later, and miss it.
 */
export class Outbox {
  readonly #append: string;
  readonly #existing: string;
  readonly #open: string;
  readonly #lock: string;

  constructor(app: DatabaseApp) {
    const schema = pg.escapeIdentifier(schemaOf(app));
    const channel = pg.escapeLiteral(outboxChannel(app));
    this.#append = `
      WITH place AS (
        UPDATE ${schema}.outbox_stream SET last_sequence = last_sequence + 1 WHERE stream = $1 RETURNING last_sequence
      ), appended AS (
        INSERT INTO ${schema}.outbox_message (stream, sequence, message_id, kind, payload, dedup_key)
        SELECT $1, last_sequence, $2::uuid, $3, $4::jsonb, $5 FROM place RETURNING message_id, sequence
      )
      SELECT message_id, sequence, pg_notify(${channel}, '')::text AS told FROM appended`;
    this.#existing = `
      SELECT message_id, sequence FROM ${schema}.outbox_message WHERE stream = $1 AND dedup_key = $2`;
    // The cursor is made with the stream and never touched by an append again: appends and the relay do not wait for each other.
    this.#open = `
      WITH opened AS (INSERT INTO ${schema}.outbox_stream (stream) VALUES ($1) ON CONFLICT (stream) DO NOTHING)
      INSERT INTO ${schema}.outbox_cursor (stream) VALUES ($1) ON CONFLICT (stream) DO NOTHING RETURNING stream`;
    this.#lock = `SELECT stream FROM ${schema}.outbox_stream WHERE stream = $1 FOR UPDATE`;
  }

  /** Takes the stream's lock until the transaction ends: append last, and to several streams in the order of their names. */
  async append(tx: OutboxTransaction, entry: OutboxEntry): Promise<OutboxPlace> {
    if (entry.dedupKey !== undefined) {
      // Under the stream's lock nobody can add the same key between the look and the insert.
      if ((await rowsOf(tx, this.#lock, [entry.stream])).length === 0) {
        await rowsOf(tx, this.#open, [entry.stream]);
        await rowsOf(tx, this.#lock, [entry.stream]);
      }
      const [first] = await rowsOf<PlaceRow>(tx, this.#existing, [entry.stream, entry.dedupKey]);
      if (first) return { messageId: first.message_id, sequence: BigInt(first.sequence) };
    }
    const values = [entry.stream, uuidv7(), entry.kind, JSON.stringify(entry.payload ?? null), entry.dedupKey ?? null];
    let [placed] = await rowsOf<PlaceRow>(tx, this.#append, values);
    if (!placed) {
      await rowsOf(tx, this.#open, [entry.stream]);
      [placed] = await rowsOf<PlaceRow>(tx, this.#append, values);
    }
    if (!placed) throw new Error('the outbox answered no place');
    return { messageId: placed.message_id, sequence: BigInt(placed.sequence) };
  }
}
