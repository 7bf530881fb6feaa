import pg from 'pg';

export interface OutboxMessage {
  readonly stream: string;
  readonly sequence: bigint;
  readonly messageId: string;
  readonly kind: string;
  readonly payload: unknown;
}

/** A stream that one relay may deliver until its claim lapses. */
export interface ClaimedStream {
  readonly stream: string;
  readonly claim: string;
  readonly deliveredSequence: bigint;
  readonly attempts: number;
}

/** The relay's books: which stream is delivered how far, and by whom. Times are the database's. */
export class OutboxStore {
  readonly #schema: string;

  constructor(
    private readonly pool: pg.Pool,
    schema: string,
    private readonly claimMs: number,
  ) {
    this.#schema = pg.escapeIdentifier(schema);
  }

  /** Streams with something to deliver now, at most `limit`, for this relay alone; none of those it has in hand. */
  async claim(claim: string, limit: number, inHand: readonly string[]): Promise<readonly ClaimedStream[]> {
    const { rows } = await this.pool.query<{ stream: string; delivered_sequence: string; attempts: number }>({
      name: `outbox-claim-${this.#schema}`,
      text: `
        WITH due AS (
          SELECT c.stream FROM ${this.#schema}.outbox_cursor c
          JOIN ${this.#schema}.outbox_stream s ON s.stream = c.stream
          WHERE s.last_sequence > c.delivered_sequence AND c.next_attempt_at <= clock_timestamp()
            AND (c.claimed_until IS NULL OR c.claimed_until <= clock_timestamp()) AND c.stream <> ALL ($4::text[])
          ORDER BY c.next_attempt_at LIMIT $2 FOR UPDATE OF c SKIP LOCKED
        )
        UPDATE ${this.#schema}.outbox_cursor c
        SET claim = $1::uuid, claimed_until = clock_timestamp() + $3 * interval '1 millisecond'
        FROM due WHERE c.stream = due.stream
        RETURNING c.stream, c.delivered_sequence, c.attempts`,
      values: [claim, limit, this.claimMs, inHand],
    });
    return rows.map((row) => ({
      stream: row.stream,
      claim,
      deliveredSequence: BigInt(row.delivered_sequence),
      attempts: row.attempts,
    }));
  }

  async next(stream: string, after: bigint, limit: number): Promise<readonly OutboxMessage[]> {
    const { rows } = await this.pool.query<{ sequence: string; message_id: string; kind: string; payload: unknown }>(
      `SELECT sequence, message_id, kind, payload FROM ${this.#schema}.outbox_message
       WHERE stream = $1 AND sequence > $2 ORDER BY sequence LIMIT $3`,
      [stream, after, limit],
    );
    return rows.map((row) => ({
      stream,
      sequence: BigInt(row.sequence),
      messageId: row.message_id,
      kind: row.kind,
      payload: row.payload,
    }));
  }

  /** Marks what was delivered and keeps the claim; false when another relay has taken the stream over. */
  async progress(claimed: ClaimedStream, delivered: bigint): Promise<boolean> {
    const { rowCount } = await this.pool.query(
      `WITH mine AS (
         UPDATE ${this.#schema}.outbox_cursor
         SET delivered_sequence = $3, attempts = 0, claimed_until = clock_timestamp() + $4 * interval '1 millisecond'
         WHERE stream = $1 AND claim = $2::uuid RETURNING stream
       ), gone AS (
         DELETE FROM ${this.#schema}.outbox_message m USING mine
         WHERE m.stream = mine.stream AND m.sequence <= $3 AND m.dedup_key IS NULL
       )
       SELECT 1 FROM mine`,
      [claimed.stream, claimed.claim, delivered, this.claimMs],
    );
    return rowCount === 1;
  }

  /** Keeps a claim whose delivery takes long. */
  async extend(claimed: ClaimedStream): Promise<void> {
    await this.pool.query(
      `UPDATE ${this.#schema}.outbox_cursor SET claimed_until = clock_timestamp() + $3 * interval '1 millisecond'
       WHERE stream = $1 AND claim = $2::uuid`,
      [claimed.stream, claimed.claim, this.claimMs],
    );
  }

  async release(claimed: ClaimedStream, delivered: bigint): Promise<void> {
    await this.pool.query(
      `UPDATE ${this.#schema}.outbox_cursor SET delivered_sequence = GREATEST(delivered_sequence, $3), claim = NULL, claimed_until = NULL
       WHERE stream = $1 AND claim = $2::uuid`,
      [claimed.stream, claimed.claim, delivered],
    );
  }

  async fail(claimed: ClaimedStream, delivered: bigint, attempts: number, backoffMs: number): Promise<void> {
    await this.pool.query(
      `UPDATE ${this.#schema}.outbox_cursor
       SET delivered_sequence = GREATEST(delivered_sequence, $3), attempts = $4, claim = NULL, claimed_until = NULL,
           next_attempt_at = clock_timestamp() + $5 * interval '1 millisecond'
       WHERE stream = $1 AND claim = $2::uuid`,
      [claimed.stream, claimed.claim, delivered, attempts, backoffMs],
    );
  }

  async reset(stream: string): Promise<void> {
    await this.pool.query(
      `UPDATE ${this.#schema}.outbox_cursor SET attempts = 0, next_attempt_at = clock_timestamp() WHERE stream = $1`,
      [stream],
    );
  }

  /** Milliseconds until a stream that backs off, or whose relay died, is due; absent when nothing waits. */
  async msUntilDue(inHand: readonly string[]): Promise<number | undefined> {
    const { rows } = await this.pool.query<{ due_ms: string | null }>(
      `SELECT ceil(extract(epoch FROM min(GREATEST(c.next_attempt_at, COALESCE(c.claimed_until, '-infinity')) - clock_timestamp())) * 1000) AS due_ms
       FROM ${this.#schema}.outbox_cursor c JOIN ${this.#schema}.outbox_stream s ON s.stream = c.stream
       WHERE s.last_sequence > c.delivered_sequence AND c.stream <> ALL ($1::text[])`,
      [inHand],
    );
    const due = rows[0]?.due_ms;
    return due === null || due === undefined ? undefined : Math.max(0, Number(due));
  }

  /** Age of the oldest message that is not delivered; 0 where all are. */
  async oldestPendingSeconds(): Promise<number> {
    const { rows } = await this.pool.query<{ seconds: number | null }>(
      `SELECT extract(epoch FROM clock_timestamp() - min(m.created_at))::float8 AS seconds
       FROM ${this.#schema}.outbox_message m JOIN ${this.#schema}.outbox_cursor c ON c.stream = m.stream
       WHERE m.sequence > c.delivered_sequence`,
    );
    return Math.max(0, rows[0]?.seconds ?? 0);
  }

  async prune(keepMs: number): Promise<void> {
    await this.pool.query(
      `DELETE FROM ${this.#schema}.outbox_message m USING ${this.#schema}.outbox_cursor c
       WHERE c.stream = m.stream AND m.sequence <= c.delivered_sequence
         AND (m.dedup_key IS NULL OR m.created_at < clock_timestamp() - $1 * interval '1 millisecond')`,
      [keepMs],
    );
  }
}
