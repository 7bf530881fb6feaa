import type pg from 'pg';
import { WatershedError } from '#errors';
import { type Database, databaseError, GroupCommitWriter, isUniqueViolation } from '#persistence';
import type { Tracing } from '#telemetry';
import type { DrawOrder, GrantOrder, HoldAnswer, HoldOrder, LedgerStore } from './engine/ledger.ports.js';
import { batchOf, type RefusedUsage, type UsageBatch, type UsageCall } from './engine/usage-batch.js';
import { isLedgerCode, type LedgerCode, type LedgerRefusal } from './ledger.errors.js';

// Calls of one commit; each brings up to 2,000 events.
const callsAtOnce = 64;

/**
 * The ledger on Postgres. Every operation is one call of a function of the migration, hence one round trip and one
 * commit of its own; the rules stand there. Plain SQL, because these are the hot paths.
 */
export class LedgerRepository implements LedgerStore {
  readonly #pool: pg.Pool;
  readonly #usage: GroupCommitWriter<UsageCall, RefusedUsage[]>;

  readonly #tracing: Tracing | undefined;

  constructor(database: Pick<Database, 'pool'>, tracing?: Tracing) {
    this.#pool = database.pool;
    this.#tracing = tracing;
    this.#usage = new GroupCommitWriter({
      pool: database.pool,
      name: 'toll usage',
      mode: 'statement',
      maxBatch: callsAtOnce,
      execute: async (client, calls) => {
        const batch = batchOf(calls);
        const refused = new Map<number, LedgerRefusal>();
        if (batch.size > 0) {
          const { rows } = await client.query<{ ord: number; code: string | null }>(recording(batch));
          for (const { ord, code } of rows) if (code !== null) refused.set(ord - 1, refusalOf(code));
        }
        return batch.outcomes(refused);
      },
    });
  }

  recordUsage(call: UsageCall): Promise<readonly RefusedUsage[]> {
    if (!this.#tracing) return this.#recorded(call);
    const attributes = { 'db.system.name': 'postgresql', 'watershed.usage_events': call.events.length };
    return this.#tracing.span('commit usage', 'client', attributes, () => this.#recorded(call));
  }

  /**
   * The same event may be on its way to its commit elsewhere, where one replica was asked because another did not answer: the
   * database takes it once, and whoever came second is judged by what is there then.
   */
  #recorded(call: UsageCall): Promise<RefusedUsage[]> {
    return this.#usage.write(call).catch((error: unknown) => {
      if (!isUniqueViolation(error)) throw error;
      return this.#usage.write(call);
    });
  }

  async amendUsage(call: UsageCall): Promise<readonly RefusedUsage[]> {
    const batch = batchOf([call]);
    const { sources: _, ...columns } = batch.columns;
    const refused = new Map<number, LedgerRefusal>();
    if (batch.size > 0) {
      for (const { ord, code } of await this.#rows<{ ord: number; code: string }>(
        `SELECT ord, code FROM toll.amend_usages($1, $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::bigint[],
          $8::bigint[], $9::text[], $10::timestamptz[])`,
        [call.source, ...Object.values(columns)],
      ))
        refused.set(ord - 1, refusalOf(code));
    }
    return batch.outcomes(refused).flat();
  }

  async openPurse(personId: string, asset: string, openingMicro: bigint): Promise<{ balanceMicro: string }> {
    const { balance_micro } = await this.#one<{ balance_micro: string }>('SELECT * FROM toll.open_purse($1, $2, $3)', [
      personId,
      asset,
      openingMicro,
    ]);
    return { balanceMicro: balance_micro };
  }

  async closePurse(personId: string, asset: string): Promise<{ pending: number; returnedMicro: string }> {
    const row = await this.#one<{ pending: number; returned_micro: string }>('SELECT * FROM toll.close_purse($1, $2)', [
      personId,
      asset,
    ]);
    return { pending: row.pending, returnedMicro: row.returned_micro };
  }

  async grant(order: GrantOrder): Promise<{ code: LedgerCode; balanceMicro: string }> {
    const row = await this.#one<{ code: string; balance_micro: string }>(
      'SELECT * FROM toll.grant_money($1, $2, $3, $4, $5, $6, $7)',
      [order.transferId, order.personId, order.asset, order.amountMicro, order.memo, order.operatorId, order.digest],
    );
    return { code: codeOf(row.code), balanceMicro: row.balance_micro };
  }

  placeHold(order: HoldOrder): Promise<HoldAnswer> {
    return this.#hold('SELECT * FROM toll.place_hold($1, $2, $3, $4, $5, $6, $7, $8)', [
      order.transferId,
      order.personId,
      order.payee,
      order.asset,
      order.amountMicro,
      order.expiresAt,
      order.source,
      order.digest,
    ]);
  }

  captureHold(transferId: string, amountMicro: bigint): Promise<HoldAnswer> {
    return this.#hold('SELECT * FROM toll.capture_hold($1, $2)', [transferId, amountMicro]);
  }

  voidHold(transferId: string): Promise<HoldAnswer> {
    return this.#hold('SELECT * FROM toll.void_hold($1)', [transferId]);
  }

  async draw(order: DrawOrder): Promise<{ code: LedgerCode; amountMicro: string; expiresAt?: Date }> {
    const row = await this.#one<{ code: string; amount_micro: string; expires_at: Date | null }>(
      'SELECT * FROM toll.draw_block($1, $2, $3, $4, $5, $6, $7)',
      [order.blockId, order.personId, order.asset, order.atLeastMicro, order.wantedMicro, order.source, order.ttlMs],
    );
    return {
      code: codeOf(row.code),
      amountMicro: row.amount_micro,
      ...(row.expires_at ? { expiresAt: row.expires_at } : {}),
    };
  }

  async releaseBlock(blockId: string, source: string): Promise<LedgerCode> {
    const row = await this.#one<{ code: string }>('SELECT * FROM toll.release_block($1, $2)', [blockId, source]);
    return codeOf(row.code);
  }

  postUsage(limit: number): Promise<{ blocks: number; transfers: number }> {
    return this.#one('SELECT * FROM toll.post_usage($1)', [limit]);
  }

  expire(limit: number, now: Date): Promise<{ blocks: number; holds: number }> {
    return this.#one('SELECT * FROM toll.expire($1, $2)', [limit, now]);
  }

  async extendBlocks(byMs: number): Promise<number> {
    return (await this.#one<{ extended: number }>('SELECT toll.extend_blocks($1) AS extended', [byMs])).extended;
  }

  async now(): Promise<Date> {
    return (await this.#one<{ now: Date }>('SELECT clock_timestamp() AS now', [])).now;
  }

  /** Takes no more usage; resolves when what was taken is durable. */
  close(): Promise<void> {
    return this.#usage.close();
  }

  async #hold(text: string, values: unknown[]): Promise<HoldAnswer> {
    const row = await this.#one<{ code: string; state: string; amount_micro: string }>(text, values);
    return { code: codeOf(row.code), state: row.state, amountMicro: row.amount_micro };
  }

  async #one<Row extends pg.QueryResultRow>(text: string, values: unknown[]): Promise<Row> {
    const [row] = await this.#rows<Row>(text, values);
    if (!row) throw new Error('the ledger gave no answer');
    return row;
  }

  async #rows<Row extends pg.QueryResultRow>(text: string, values: unknown[]): Promise<Row[]> {
    try {
      return (await this.#pool.query<Row>(text, values)).rows;
    } catch (error) {
      throw databaseError(error);
    }
  }
}

/** What refuses events answers a row for each. An event alone, as at every quiet moment, spares the arrays of a batch. */
function recording({ size, columns }: UsageBatch): pg.QueryConfig {
  const values: (readonly unknown[])[] = Object.values(columns);
  if (size === 1) {
    return {
      name: 'toll-record-one-usage',
      text: 'SELECT 1 AS ord, toll.record_one_usage($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) AS code',
      values: values.map(([only]) => only),
    };
  }
  return {
    name: 'toll-record-usage',
    text: `SELECT ord, code FROM toll.record_usage($1::text[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[],
      $6::text[], $7::bigint[], $8::bigint[], $9::text[], $10::timestamptz[])`,
    values,
  };
}

function codeOf(code: string): LedgerCode {
  if (isLedgerCode(code)) return code;
  throw new WatershedError('internal', 'The ledger answered with a code that this version does not know.');
}

function refusalOf(code: string): LedgerRefusal {
  const known = codeOf(code);
  if (known === 'ok') throw new WatershedError('internal', 'The ledger refused an event and called it well.');
  return known;
}
