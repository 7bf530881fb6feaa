import { uuidv7 } from 'uuidv7';
import type { UsageEvent } from '#contracts';
import { type Database, openDatabase } from '#persistence';
import { type TestDatabase, testDatabase } from '#testing';
import { LedgerEngine } from '../engine/ledger-engine.js';
import { LedgerRepository } from '../ledger.repository.js';
import { StatementRepository } from '../statement.repository.js';

export const gatewayOne = '1'.repeat(43);
export const gatewayTwo = '2'.repeat(43);

/** One toll replica on the suite's database, with the rights of its own login only. */
export interface TestReplica {
  readonly engine: LedgerEngine;
  readonly store: LedgerRepository;
  readonly reader: StatementRepository;
  readonly database: Database;
  close(): Promise<void>;
}

export interface TestLedger extends TestReplica {
  readonly template: TestDatabase;
  replica(): Promise<TestReplica>;
  newPerson(): Promise<string>;
  /** The id of a block of 1,000 millionths that a gateway has drawn. */
  newBlock(personId: string, gateway?: string): Promise<string>;
  /** Whether a statement waits for a lock that another one has. */
  isWaited(): Promise<boolean>;
  inLater(ms: number): string;
}

export const openingMicro = 1_000_000n;
export const blockTtlMs = 60_000;

async function replicaOn(template: TestDatabase): Promise<TestReplica> {
  const database = await openDatabase({ url: template.urlFor('toll'), applicationName: 'toll-test', poolSize: 4 });
  const store = new LedgerRepository(database);
  const reader = new StatementRepository(database);
  const engine = new LedgerEngine({
    store,
    reader,
    rules: { asset: 'drop', openingBalanceMicro: openingMicro, blockTtlMs },
    onUsage: () => undefined,
  });
  return {
    engine,
    store,
    reader,
    database,
    close: async () => {
      await store.close();
      await database.close();
    },
  };
}

/** A ledger of the suite's own. */
export async function testLedger(): Promise<TestLedger> {
  const template = await testDatabase();
  const first = await replicaOn(template);
  return {
    ...first,
    template,
    replica: () => replicaOn(template),
    newPerson: async () => {
      const personId = uuidv7();
      await first.engine.openPurse(personId);
      return personId;
    },
    newBlock: async (personId, gateway = gatewayOne) => {
      const blockId = uuidv7();
      const wanted = { blockId, personId, asset: 'drop', atLeastMicro: '1', wantedMicro: '1000' };
      await first.engine.draw(wanted, gateway);
      return blockId;
    },
    isWaited: async () => {
      const { rows } = await first.database.pool.query('SELECT 1 FROM pg_locks WHERE NOT granted');
      return rows.length > 0;
    },
    inLater: (ms) => new Date(Date.now() + ms).toISOString(),
    close: async () => {
      await first.close();
      await template.close();
    },
  };
}

export function usageOf(blockId: string, personId: string, over: Partial<UsageEvent> = {}): UsageEvent {
  return {
    usageId: uuidv7(),
    blockId,
    personId,
    kind: 'infer',
    model: 'watershed/language-id',
    inputBytes: 40,
    amountMicro: '120',
    outcome: 'answered',
    occurredAt: new Date().toISOString(),
    ...over,
  };
}

interface Queryable {
  query(text: string): Promise<{ readonly rows: readonly unknown[] }>;
}

/** Usage with what its block owes for it: an amendment before the posting takes its refund out of the block. */
const charged = `(SELECT x.*, x.amount_micro - coalesce(m.refund_micro, 0) AS due_micro FROM toll.usage x
  LEFT JOIN toll.amendment m ON m.source = x.source AND m.usage_id = x.usage_id AND m.transfer_id IS NULL) u`;

/** What must be true of a ledger at every instant between two commits, as text for a failing test; empty when all is well. */
export async function brokenInvariants(client: Queryable): Promise<string[]> {
  const checks: Record<string, string> = {
    'transfers that do not sum to zero': `SELECT t.id FROM toll.transfer t LEFT JOIN toll.entry e ON e.transfer_id = t.id
      GROUP BY t.id HAVING coalesce(sum(e.amount_micro), 1) <> 0`,
    'assets whose balances do not sum to zero': `SELECT asset FROM toll.account GROUP BY asset HAVING sum(balance_micro) <> 0`,
    'balances that are not their entries': `SELECT a.id FROM toll.account a
      LEFT JOIN toll.entry e ON e.account_id = a.id GROUP BY a.id HAVING a.balance_micro <> coalesce(sum(e.amount_micro), 0)`,
    'balances after an entry that do not follow': `SELECT id FROM (SELECT id, balance_after_micro,
        sum(amount_micro) OVER (PARTITION BY account_id ORDER BY id) AS running FROM toll.entry) x WHERE running <> balance_after_micro`,
    'accounts below their limit': `SELECT id FROM toll.account WHERE balance_micro - held_micro < floor_micro`,
    'held amounts that are not the open holds': `SELECT a.id FROM toll.account a
      LEFT JOIN toll.hold h ON h.account_id = a.id AND h.state = 'pending'
      GROUP BY a.id HAVING a.held_micro <> coalesce(sum(h.amount_micro - h.captured_micro), 0)`,
    'blocks whose counter is not their usage': `SELECT h.id FROM toll.hold h LEFT JOIN ${charged} ON u.block_id = h.id
      WHERE h.kind = 'block' GROUP BY h.id
      HAVING h.used_micro <> coalesce(sum(u.due_micro), 0) OR h.used_n <> count(u.n) OR h.used_n <> coalesce(max(u.n), 0)`,
    'posted usage that is not exactly once in a transfer': `SELECT u.usage_id FROM ${charged} JOIN toll.hold h ON h.id = u.block_id
      LEFT JOIN toll.transfer t ON t.block_id = u.block_id AND u.n BETWEEN t.from_n AND t.to_n
      GROUP BY u.source, u.usage_id, u.n, u.due_micro, h.posted_n
      HAVING count(t.id) > 1 OR (u.due_micro > 0 AND (count(t.id) = 1) <> (u.n <= h.posted_n))`,
    'usage transfers that are not the sum of their usage': `SELECT t.id FROM toll.transfer t
      JOIN ${charged} ON u.block_id = t.block_id AND u.n BETWEEN t.from_n AND t.to_n
      GROUP BY t.id HAVING t.amount_micro <> sum(u.due_micro) OR count(*) <> t.to_n - t.from_n + 1`,
    'refunds that are not their amendment': `SELECT t.id, m.usage_id FROM (SELECT * FROM toll.transfer WHERE kind = 'refund') t
      FULL JOIN (SELECT * FROM toll.amendment WHERE transfer_id IS NOT NULL) m ON m.transfer_id = t.id
      WHERE t.amount_micro IS DISTINCT FROM m.refund_micro`,
    'amendments above their usage': `SELECT m.usage_id FROM toll.amendment m
      JOIN toll.usage u ON u.source = m.source AND u.usage_id = m.usage_id WHERE m.refund_micro > u.amount_micro`,
    'days whose allowance is not its shares, or not its transfers': `SELECT d.day, d.given_micro FROM toll.allowance_day d
      WHERE d.given_micro <> (SELECT coalesce(sum(s.given_micro), 0) FROM toll.allowance_share s WHERE s.asset = d.asset AND s.day = d.day)
        OR d.given_micro <> (SELECT coalesce(sum(t.amount_micro), 0) FROM toll.transfer t
          WHERE t.kind = 'allowance' AND t.asset = d.asset AND t.memo = 'essential allowance of ' || d.day)`,
    'days that gave more than their pool, or a person more than a share': `SELECT d.day FROM toll.allowance_day d
      LEFT JOIN toll.allowance_share s ON s.asset = d.asset AND s.day = d.day
      WHERE d.given_micro > d.pool_micro OR s.given_micro > d.share_micro`,
    'days that gave newcomers more than their part': `SELECT d.day FROM toll.allowance_day d
      JOIN toll.allowance_share s ON s.asset = d.asset AND s.day = d.day
      JOIN toll.account a ON a.owner = 'person:' || s.person_id AND a.asset = d.asset AND (a.created_at AT TIME ZONE 'UTC')::date >= d.day
      GROUP BY d.asset, d.day, d.newcomers_micro HAVING sum(s.given_micro) > d.newcomers_micro`,
    'captures that are not their hold': `SELECT h.id FROM toll.hold h LEFT JOIN toll.transfer t ON t.id = h.id
      WHERE h.kind = 'transfer' AND (h.state = 'posted') <> (t.id IS NOT NULL AND t.amount_micro = h.captured_micro)`,
  };
  const broken: string[] = [];
  for (const [name, text] of Object.entries(checks)) {
    const { rows } = await client.query(text);
    if (rows.length > 0) broken.push(`${name}: ${JSON.stringify(rows.slice(0, 3))}`);
  }
  return broken;
}
