import type pg from 'pg';
import { type Database, databaseError } from '#persistence';
import type {
  Allowance,
  AllowanceDraw,
  AllowanceRules,
  AllowanceStore,
  AllowedBlock,
} from './engine/allowance.ports.js';

interface DrawnRow extends pg.QueryResultRow {
  code: string;
  amount_micro: string;
  expires_at: Date | null;
  given_micro: string;
}

interface AllowanceRow extends pg.QueryResultRow {
  day: string;
  ends_at: Date;
  pool_micro: string;
  given_micro: string;
  share_micro: string;
  mine_micro: string;
  left_micro: string;
}

/** The functions of the migration; the rules stand there. */
export class AllowanceRepository implements AllowanceStore {
  readonly #pool: pg.Pool;

  constructor(database: Pick<Database, 'pool'>) {
    this.#pool = database.pool;
  }

  async draw(order: AllowanceDraw, rules: AllowanceRules): Promise<AllowedBlock | undefined> {
    const { blockId, personId, asset, amountMicro, source, ttlMs } = order;
    const row = await this.#one<DrawnRow>('SELECT * FROM toll.draw_allowance($1, $2, $3, $4, $5, $6, $7, $8)', [
      blockId,
      personId,
      asset,
      amountMicro,
      source,
      ttlMs,
      rules.poolMicro,
      rules.leastSharers,
    ]);
    if (row.code !== 'ok' || !row.expires_at) return undefined;
    return { amountMicro: row.amount_micro, expiresAt: row.expires_at, givenMicro: BigInt(row.given_micro) };
  }

  async allowance(personId: string, asset: string, rules: AllowanceRules): Promise<Allowance> {
    const row = await this.#one<AllowanceRow>(
      `WITH today AS (SELECT (clock_timestamp() AT TIME ZONE 'UTC')::date AS day),
       mine AS (
         SELECT coalesce((SELECT s.given_micro FROM toll.allowance_share s JOIN today USING (day)
             WHERE s.asset = $2 AND s.person_id = $1), 0) AS given_micro,
           coalesce((SELECT (a.created_at AT TIME ZONE 'UTC')::date >= t.day FROM toll.account a, today t
             WHERE a.owner = $3 AND a.asset = $2), true) AS newcomer
       )
       SELECT t.day::text, (t.day + 1)::timestamp AT TIME ZONE 'UTC' AS ends_at, r.pool_micro, r.given_micro, r.share_micro,
         m.given_micro AS mine_micro, greatest(0, least(r.share_micro - m.given_micro, r.pool_micro - r.given_micro,
           CASE WHEN m.newcomer THEN r.newcomers_micro - r.given_newcomers_micro END)) AS left_micro
       FROM today t, mine m, toll.allowance_rules($2, t.day, $4, $5) r`,
      [personId, asset, `person:${personId}`, rules.poolMicro, rules.leastSharers],
    );
    return {
      day: row.day,
      endsAt: row.ends_at,
      poolMicro: row.pool_micro,
      givenMicro: row.given_micro,
      shareMicro: row.share_micro,
      mineMicro: row.mine_micro,
      leftMicro: row.left_micro,
    };
  }

  async #one<Row extends pg.QueryResultRow>(text: string, values: unknown[]): Promise<Row> {
    try {
      const [row] = (await this.#pool.query<Row>(text, values)).rows;
      if (!row) throw new Error('the ledger gave no answer');
      return row;
    } catch (error) {
      throw databaseError(error);
    }
  }
}
