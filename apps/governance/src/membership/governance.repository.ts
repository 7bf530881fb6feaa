import type pg from 'pg';
import {
  type Membership,
  type MembershipDecision,
  membership,
  membershipDecision,
  type Operator,
  operator,
} from '#contracts';
import { type Database, databaseError, Outbox } from '#persistence';
import { type ChainEntry, genesisHash, hashOf } from './engine/decision-chain.js';
import type { GovernanceStore, MembershipChange, MembershipRecord, MembershipView } from './engine/governance.ports.js';

/** The outbox stream and kind under which memberships are announced, in the order of their decisions. */
export const membershipStream = 'membership';

interface MembershipRow extends pg.QueryResultRow {
  node_id: string;
  operator_id: string;
  state: string;
  reason: string;
  epoch: number;
  decided_at: Date;
  decided_by: string;
  signed_at: Date | null;
}

interface LogRow extends pg.QueryResultRow {
  seq: string;
  kind: ChainEntry['kind'];
  document: unknown;
  outcome: unknown;
  previous_hash: string;
  hash: string;
  recorded_at: Date;
}

/** Operators, memberships and their log on Postgres. Changes are rare and take turns under one lock. */
export class GovernanceRepository implements GovernanceStore {
  readonly #database: Pick<Database, 'pool' | 'prisma' | 'sqlTransaction'>;
  readonly #outbox = new Outbox('governance');

  constructor(database: Pick<Database, 'pool' | 'prisma' | 'sqlTransaction'>) {
    this.#database = database;
  }

  async operators(): Promise<Operator[]> {
    const rows = await this.#database.prisma.governanceOperator.findMany({ orderBy: { since: 'asc' } });
    return rows.map((row) => operator.parse({ ...row, since: row.since.toISOString() }));
  }

  async memberships(): Promise<Membership[]> {
    const rows = await this.#rows<MembershipRow>('SELECT * FROM governance.membership ORDER BY node_id', []);
    return rows.map((row) => recordOf(row).membership);
  }

  async membership(nodeId: string): Promise<Membership | undefined> {
    const [row] = await this.#rows<MembershipRow>('SELECT * FROM governance.membership WHERE node_id = $1', [nodeId]);
    return row ? recordOf(row).membership : undefined;
  }

  addFirstOperator(first: Operator): Promise<boolean> {
    return this.#database.sqlTransaction(async (client) => {
      await lockLog(client);
      const { rowCount } = await client.query('SELECT 1 FROM governance.operator LIMIT 1');
      if (rowCount !== 0) return false;
      await client.query('INSERT INTO governance.operator (operator_id, name, key, since) VALUES ($1, $2, $3, $4)', [
        first.operatorId,
        first.name,
        JSON.stringify(first.key),
        first.since,
      ]);
      await appendToLog(client, {
        kind: 'operator',
        document: { type: 'watershed/operator', ...first },
        outcome: null,
      });
      return true;
    });
  }

  change(
    about: { readonly nodeId: string; readonly decisionId?: string },
    judge: (view: MembershipView) => MembershipChange | Membership,
  ): Promise<Membership> {
    return this.#database.sqlTransaction(async (client) => {
      await lockLog(client);
      const verdict = judge(await viewOf(client, about));
      if (!('membership' in verdict)) return verdict;
      await writeMembership(client, verdict);
      await appendToLog(client, {
        kind: verdict.kind,
        document: verdict.document,
        outcome: verdict.membership,
        nodeId: about.nodeId,
        ...(verdict.decisionId === undefined ? {} : { decisionId: verdict.decisionId }),
      });
      await this.#outbox.append(client, {
        stream: membershipStream,
        kind: membershipStream,
        payload: verdict.membership,
      });
      return verdict.membership;
    });
  }

  async decisions(page: {
    before?: number | undefined;
    limit: number;
  }): Promise<{ seq: number; decision: MembershipDecision }[]> {
    const rows = await this.#database.prisma.governanceLog.findMany({
      where: { kind: 'decision', ...(page.before === undefined ? {} : { seq: { lt: page.before } }) },
      orderBy: { seq: 'desc' },
      take: page.limit,
    });
    return rows.map((row) => ({ seq: Number(row.seq), decision: membershipDecision.parse(row.document) }));
  }

  async log(): Promise<(ChainEntry & { readonly hash: string })[]> {
    const rows = await this.#rows<LogRow>('SELECT * FROM governance.log ORDER BY seq', []);
    return rows.map((row) => ({
      seq: Number(row.seq),
      kind: row.kind,
      document: row.document,
      outcome: row.outcome,
      previousHash: row.previous_hash,
      recordedAt: row.recorded_at.toISOString(),
      hash: row.hash,
    }));
  }

  async #rows<Row extends pg.QueryResultRow>(text: string, values: unknown[]): Promise<Row[]> {
    try {
      return (await this.#database.pool.query<Row>(text, values)).rows;
    } catch (error) {
      throw databaseError(error);
    }
  }
}

function recordOf(row: MembershipRow): MembershipRecord {
  return {
    membership: membership.parse({
      nodeId: row.node_id,
      operatorId: row.operator_id,
      state: row.state,
      reason: row.reason,
      epoch: row.epoch,
      decidedAt: row.decided_at.toISOString(),
      decidedBy: row.decided_by,
    }),
    signedAt: row.signed_at ?? undefined,
  };
}

/** One change at a time: the chain has one end. Held until the commit. */
async function lockLog(client: pg.PoolClient): Promise<void> {
  await client.query("SELECT pg_advisory_xact_lock(hashtext('governance.log'))");
}

async function viewOf(client: pg.PoolClient, about: { nodeId: string; decisionId?: string }): Promise<MembershipView> {
  const { rows } = await client.query<MembershipRow>('SELECT * FROM governance.membership WHERE node_id = $1', [
    about.nodeId,
  ]);
  const { rows: logged } = await client.query<LogRow>('SELECT * FROM governance.log WHERE decision_id = $1', [
    about.decisionId ?? null,
  ]);
  const { rows: clock } = await client.query<{ now: Date }>(
    "SELECT date_trunc('milliseconds', clock_timestamp()) AS now",
  );
  const [row] = rows;
  const [earlier] = logged;
  return {
    current: row ? recordOf(row) : undefined,
    earlier: earlier ? { document: earlier.document, outcome: membership.parse(earlier.outcome) } : undefined,
    now: clock[0]?.now ?? new Date(),
  };
}

async function writeMembership(client: pg.PoolClient, { membership: next, signedAt }: MembershipChange): Promise<void> {
  const values = [
    next.nodeId,
    next.operatorId,
    next.state,
    next.reason,
    next.epoch,
    next.decidedAt,
    next.decidedBy,
    signedAt ?? null,
  ];
  const { rowCount } = await client.query(
    `INSERT INTO governance.membership (node_id, operator_id, state, reason, epoch, decided_at, decided_by, signed_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
     ON CONFLICT (node_id) DO UPDATE SET state = $3, reason = $4, epoch = $5, decided_at = $6, decided_by = $7, signed_at = $8
     WHERE governance.membership.epoch = $5 - 1`,
    values,
  );
  if (rowCount !== 1) throw new Error('a membership changed outside the lock of the log');
}

async function appendToLog(
  client: pg.PoolClient,
  entry: Pick<ChainEntry, 'kind' | 'document' | 'outcome'> & { nodeId?: string; decisionId?: string },
): Promise<void> {
  const { rows } = await client.query<{ seq: string; hash: string }>(
    'SELECT seq, hash FROM governance.log ORDER BY seq DESC LIMIT 1',
  );
  const [last] = rows;
  const { rows: clock } = await client.query<{ now: Date }>(
    "SELECT date_trunc('milliseconds', clock_timestamp()) AS now",
  );
  const next: ChainEntry = {
    seq: Number(last?.seq ?? 0) + 1,
    kind: entry.kind,
    document: entry.document,
    outcome: entry.outcome,
    previousHash: last?.hash ?? genesisHash,
    recordedAt: (clock[0]?.now ?? new Date()).toISOString(),
  };
  await client.query(
    `INSERT INTO governance.log (seq, kind, decision_id, node_id, document, outcome, previous_hash, hash, recorded_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
    [
      next.seq,
      next.kind,
      entry.decisionId ?? null,
      entry.nodeId ?? null,
      JSON.stringify(next.document),
      next.outcome === null ? null : JSON.stringify(next.outcome),
      next.previousHash,
      hashOf(next),
      next.recordedAt,
    ],
  );
}
