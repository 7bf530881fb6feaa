import type pg from 'pg';
import { type LedgerEntry, modelName, type Purse, type UsageEvent, uuid } from '#contracts';
import { WatershedError } from '#errors';
import { type Database, databaseError } from '#persistence';
import type { AssetTotals, Page, PageRequest, StatementReader } from './engine/ledger.ports.js';

// A statement's page ends early once it lists this many usage ids, so that a busy minute stays one bus message.
const usageIdsAPage = 5_000;
const unpostedShown = 1_000;

// Usage as it ended: what its row says, and what was amended since.
const amendments = 'LEFT JOIN toll.amendment m ON m.source = u.source AND m.usage_id = u.usage_id';
const usageColumns = `u.source, u.usage_id, u.block_id, u.person_id, u.kind, u.model, u.input_bytes, u.occurred_at,
  u.amount_micro - coalesce(m.refund_micro, 0) AS amount_micro, coalesce(m.outcome, u.outcome) AS outcome`;

interface EntryRow extends pg.QueryResultRow {
  id: string;
  transfer_id: string;
  amount_micro: string;
  asset: string;
  balance_after_micro: string;
  kind: string;
  memo: string;
  posted_at: Date;
  listed: number;
}

/** Runs a query and gives its rows; those of one snapshot or each for itself. */
type Rows = <Row extends pg.QueryResultRow>(text: string, values: unknown[]) => Promise<Row[]>;

interface UsageRow extends pg.QueryResultRow {
  source: string;
  usage_id: string;
  block_id: string;
  person_id: string;
  kind: string;
  model: string;
  input_bytes: string;
  amount_micro: string;
  outcome: string;
  occurred_at: Date;
  transfer_id: string | null;
}

/** What people and auditors read. Usage belongs to the transfer whose range of its block covers it. */
export class StatementRepository implements StatementReader {
  readonly #database: Pick<Database, 'pool'>;

  constructor(database: Pick<Database, 'pool'>) {
    this.#database = database;
  }

  async purse(personId: string, asset: string): Promise<Purse | undefined> {
    // One statement, one snapshot: balance, held and unposted belong together.
    const [row] = await this.#rows<{ balance_micro: string; held_micro: string; unposted_micro: string }>(
      `SELECT a.balance_micro, a.held_micro, coalesce((SELECT sum(h.used_micro - h.captured_micro) FROM toll.hold h
         WHERE h.person_id = $1 AND h.state = 'pending' AND h.asset = $3), 0)::text AS unposted_micro
       FROM toll.account a WHERE a.owner = $2 AND a.asset = $3`,
      [personId, `person:${personId}`, asset],
    );
    if (!row) return undefined;
    return {
      personId,
      asset,
      balanceMicro: row.balance_micro,
      heldMicro: row.held_micro,
      unpostedMicro: row.unposted_micro,
      availableMicro: String(BigInt(row.balance_micro) - BigInt(row.held_micro)),
    };
  }

  async statement(
    personId: string,
    asset: string,
    page: PageRequest,
  ): Promise<Page<LedgerEntry> & { unposted: UsageEvent[] }> {
    const before = page.cursor === undefined ? null : entryCursor(page.cursor);
    return this.#snapshot(async (rows) => {
      const entries = await rows<EntryRow>(
        `SELECT e.id, e.transfer_id, e.amount_micro, e.asset, e.balance_after_micro, t.kind, t.memo, t.posted_at,
           coalesce(t.to_n - t.from_n + 1, 0) AS listed
         FROM toll.account a JOIN toll.entry e ON e.account_id = a.id JOIN toll.transfer t ON t.id = e.transfer_id
         WHERE a.owner = $1 AND a.asset = $2 AND ($3::bigint IS NULL OR e.id < $3) ORDER BY e.id DESC LIMIT $4`,
        [`person:${personId}`, asset, before, page.limit + 1],
      );
      const shown: EntryRow[] = [];
      let listed = 0;
      for (const entry of entries.slice(0, page.limit)) {
        listed += entry.listed;
        if (listed > usageIdsAPage && shown.length > 0) break;
        shown.push(entry);
      }
      const usageIds = await usageIdsOf(
        rows,
        shown.filter((entry) => entry.listed > 0 || entry.kind === 'refund').map((entry) => entry.transfer_id),
      );
      const last = shown.at(-1);
      return {
        items: shown.map((entry) => ({
          transferId: entry.transfer_id,
          kind: kindOf(entry.kind),
          amountMicro: entry.amount_micro,
          asset: entry.asset,
          balanceAfterMicro: entry.balance_after_micro,
          usageIds: usageIds.get(entry.transfer_id) ?? [],
          memo: entry.memo,
          postedAt: entry.posted_at.toISOString(),
        })),
        ...(last && shown.length < entries.length ? { nextCursor: cursorOf(last.id) } : {}),
        unposted: await unpostedOf(rows, personId),
      };
    });
  }

  async usage(personId: string, page: PageRequest): Promise<Page<UsageEvent & { transferId?: string }>> {
    const [beforeId, beforeSource] = page.cursor === undefined ? [null, null] : usageCursor(page.cursor);
    const rows = await this.#rows<UsageRow>(
      `SELECT ${usageColumns}, t.id AS transfer_id FROM toll.usage u ${amendments}
       LEFT JOIN LATERAL (SELECT x.id FROM toll.transfer x WHERE x.block_id = u.block_id AND x.from_n <= u.n AND x.to_n >= u.n
         ORDER BY x.from_n DESC LIMIT 1) t ON true
       WHERE u.person_id = $1 AND ($2::uuid IS NULL OR (u.usage_id, u.source) < ($2::uuid, $3::text))
       ORDER BY u.usage_id DESC, u.source DESC LIMIT $4`,
      [personId, beforeId, beforeSource, page.limit + 1],
    );
    const shown = rows.slice(0, page.limit);
    const last = shown.at(-1);
    return {
      items: shown.map((row) => ({ ...eventOf(row), ...(row.transfer_id ? { transferId: row.transfer_id } : {}) })),
      ...(last && rows.length > shown.length ? { nextCursor: cursorOf(`${last.usage_id} ${last.source}`) } : {}),
    };
  }

  async totals(): Promise<{ assets: AssetTotals[]; usageEvents: number; unpostedUsageEvents: number }> {
    // Sums of rows and never of counters: what an auditor asks is whether the two agree.
    const [row] = await this.#rows<{ assets: AssetTotals[]; events: number; unposted: number }>(
      `WITH used AS (
         SELECT h.asset, u.amount_micro - coalesce(m.refund_micro, 0) AS amount_micro, u.n > h.posted_n AS unposted
         FROM toll.usage u JOIN toll.hold h ON h.id = u.block_id ${amendments}
       ), by_asset AS (
         SELECT a.asset,
           (SELECT coalesce(sum(e.amount_micro), 0) FROM toll.entry e WHERE e.asset = a.asset)::text AS "sumMicro",
           (SELECT coalesce(sum(u.amount_micro), 0) FROM used u WHERE u.asset = a.asset)::text AS "usageMicro",
           (SELECT coalesce(sum(CASE t.kind WHEN 'refund' THEN -t.amount_micro ELSE t.amount_micro END), 0)
             FROM toll.transfer t WHERE t.asset = a.asset AND t.kind IN ('usage', 'refund'))::text AS "postedUsageMicro",
           sum(a.held_micro)::text AS "heldMicro"
         FROM toll.account a GROUP BY a.asset ORDER BY a.asset
       )
       SELECT coalesce((SELECT json_agg(b) FROM by_asset b), '[]') AS assets,
         (SELECT count(*)::integer FROM used) AS events, (SELECT count(*)::integer FROM used WHERE unposted) AS unposted`,
      [],
    );
    return { assets: row?.assets ?? [], usageEvents: row?.events ?? 0, unpostedUsageEvents: row?.unposted ?? 0 };
  }

  async sums(): Promise<{ asset: string; sumMicro: string }[]> {
    return this.#rows('SELECT asset, sum(amount_micro)::text AS "sumMicro" FROM toll.entry GROUP BY asset', []);
  }

  async oldestUnpostedSeconds(): Promise<number> {
    const [row] = await this.#rows<{ seconds: number | null }>(
      `SELECT extract(epoch FROM clock_timestamp() - min(u.occurred_at))::float8 AS seconds
       FROM toll.hold h JOIN toll.usage u ON u.block_id = h.id AND u.n > h.posted_n
       WHERE h.state = 'pending' AND h.kind = 'block'`,
      [],
    );
    return Math.max(0, row?.seconds ?? 0);
  }

  /** Reads that must agree: between two snapshots a posting could hide usage from both, or show it in both. */
  async #snapshot<Result>(read: (rows: Rows) => Promise<Result>): Promise<Result> {
    try {
      const client = await this.#database.pool.connect();
      let broken: Error | undefined;
      try {
        await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
        const result = await read(async (text, values) => (await client.query(text, values)).rows);
        await client.query('COMMIT');
        return result;
      } catch (error) {
        broken = error instanceof Error ? error : new Error(String(error));
        throw error;
      } finally {
        client.release(broken);
      }
    } catch (error) {
      throw databaseError(error);
    }
  }

  async #rows<Row extends pg.QueryResultRow>(text: string, values: unknown[]): Promise<Row[]> {
    try {
      return (await this.#database.pool.query<Row>(text, values)).rows;
    } catch (error) {
      throw databaseError(error);
    }
  }
}

async function usageIdsOf(rows: Rows, transferIds: readonly string[]): Promise<Map<string, string[]>> {
  if (transferIds.length === 0) return new Map();
  const found = await rows<{ id: string; usage_ids: string[] }>(
    `SELECT t.id, array_agg(u.usage_id::text ORDER BY u.n) AS usage_ids FROM toll.transfer t
     JOIN toll.usage u ON u.block_id = t.block_id AND u.n BETWEEN t.from_n AND t.to_n
     WHERE t.id = ANY ($1::uuid[]) GROUP BY t.id
     UNION ALL SELECT m.transfer_id, ARRAY[m.usage_id::text] FROM toll.amendment m WHERE m.transfer_id = ANY ($1::uuid[])`,
    [transferIds],
  );
  return new Map(found.map((row) => [row.id, row.usage_ids]));
}

async function unpostedOf(rows: Rows, personId: string): Promise<UsageEvent[]> {
  const found = await rows<UsageRow>(
    `SELECT ${usageColumns}, NULL AS transfer_id FROM toll.hold h
     JOIN toll.usage u ON u.block_id = h.id AND u.n > h.posted_n ${amendments}
     WHERE h.person_id = $1 AND h.state = 'pending' AND h.kind = 'block' ORDER BY u.usage_id DESC LIMIT $2`,
    [personId, unpostedShown],
  );
  return found.map(eventOf);
}

function eventOf(row: UsageRow): UsageEvent {
  return {
    usageId: row.usage_id,
    blockId: row.block_id,
    personId: row.person_id,
    kind: known(row.kind, ['infer']),
    model: modelName.parse(row.model),
    inputBytes: Number(row.input_bytes),
    amountMicro: row.amount_micro,
    outcome: known(row.outcome, ['answered', 'abandoned', 'failed']),
    occurredAt: row.occurred_at.toISOString(),
  };
}

const kindOf = (kind: string) =>
  known(kind, ['opening', 'grant', 'usage', 'capture', 'refund', 'allowance', 'closing']);

function known<const Value extends string>(text: string, values: readonly Value[]): Value {
  const found = values.find((value) => value === text);
  if (found === undefined) throw new WatershedError('internal', 'The ledger holds a row of a newer version.');
  return found;
}

const cursorOf = (text: string) => Buffer.from(text).toString('base64url');

function cursorInvalid(): WatershedError {
  return new WatershedError('cursor_invalid', 'This cursor is not one that a listing gave. Start without a cursor.');
}

function entryCursor(cursor: string): bigint {
  const text = Buffer.from(cursor, 'base64url').toString();
  if (!/^[0-9]{1,18}$/.test(text)) throw cursorInvalid();
  return BigInt(text);
}

function usageCursor(cursor: string): [string, string] {
  const [usageId, source, ...rest] = Buffer.from(cursor, 'base64url').toString().split(' ');
  if (!uuid.safeParse(usageId).success || !usageId || !source || rest.length > 0 || !/^[\w-]{1,64}$/.test(source))
    throw cursorInvalid();
  return [usageId, source];
}
