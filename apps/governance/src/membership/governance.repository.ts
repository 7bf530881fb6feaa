import type pg from 'pg';
import { genesisHash, hashOf } from '#ballots';
import { type LogEntry, logEntry, type Membership, membership, type Operator, operator } from '#contracts';
import { type Database, databaseError, Outbox } from '#persistence';
import type { GovernanceStore, LogAddition, LogView } from './engine/governance.ports.js';
import { accessKind, accessStreamOf, logStream, membershipStream } from './governance.keys.js';

interface MembershipRow extends pg.QueryResultRow {
  node_id: string;
  operator_id: string;
  state: string;
  reason: string;
  epoch: number;
  decided_at: Date;
  decided_by: string;
}

interface LogRow extends pg.QueryResultRow {
  seq: string;
  kind: string;
  document: unknown;
  outcome: unknown;
  previous_hash: string;
  hash: string;
  recorded_at: Date;
}

type Queryable = Pick<pg.Pool, 'query'>;

/** The log, and the operators and memberships it comes to, on Postgres. Changes are rare and take turns under one lock. */
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
    return rows.map(membershipOf);
  }

  async membership(nodeId: string): Promise<Membership | undefined> {
    const [row] = await this.#rows<MembershipRow>('SELECT * FROM governance.membership WHERE node_id = $1', [nodeId]);
    return row ? membershipOf(row) : undefined;
  }

  async entriesAfter(seq: number, limit: number): Promise<LogEntry[]> {
    const rows = await this.#rows<LogRow>('SELECT * FROM governance.log WHERE seq > $1 ORDER BY seq LIMIT $2', [
      seq,
      limit,
    ]);
    return rows.map(entryOf);
  }

  async head(): Promise<{ seq: number; hash: string }> {
    const [row] = await this.#rows<LogRow>('SELECT * FROM governance.log ORDER BY seq DESC LIMIT 1', []);
    return { seq: Number(row?.seq ?? 0), hash: row?.hash ?? genesisHash };
  }

  append(judge: (view: LogView) => Promise<LogAddition | undefined>): Promise<void> {
    return this.#database.sqlTransaction(async (client) => {
      // One change at a time: the chain has one end. Held until the commit.
      await client.query("SELECT pg_advisory_xact_lock(hashtext('governance.log'))");
      const now = await databaseClock(client);
      const addition = await judge({ now, entriesAfter: (seq) => entriesWithin(client, seq) });
      if (!addition) return;
      await this.#write(client, addition, now);
    });
  }

  async #write(client: pg.PoolClient, addition: LogAddition, now: Date): Promise<void> {
    if (addition.addsOperator) await addOperator(client, addition.addsOperator);
    if (addition.removesOperator) {
      await client.query('DELETE FROM governance.operator WHERE operator_id = $1', [addition.removesOperator]);
    }
    if (addition.membership) await writeMembership(client, addition.membership);
    const seq = await appendToLog(client, addition, now);
    // The streams in the order of their names, as the outbox asks of who appends to several.
    if (addition.membership && addition.changesAccess) {
      const { nodeId } = addition.membership;
      await this.#outbox.append(client, { stream: accessStreamOf(nodeId), kind: accessKind, payload: { nodeId } });
    }
    await this.#outbox.append(client, { stream: logStream, kind: logStream, payload: { seq } });
    if (addition.membership) {
      await this.#outbox.append(client, {
        stream: membershipStream,
        kind: membershipStream,
        payload: addition.membership,
      });
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

function membershipOf(row: MembershipRow): Membership {
  return membership.parse({
    nodeId: row.node_id,
    operatorId: row.operator_id,
    state: row.state,
    reason: row.reason,
    epoch: row.epoch,
    decidedAt: row.decided_at.toISOString(),
    decidedBy: row.decided_by,
  });
}

function entryOf(row: LogRow): LogEntry {
  return logEntry.parse({
    seq: Number(row.seq),
    kind: row.kind,
    document: row.document,
    outcome: row.outcome,
    previousHash: row.previous_hash,
    hash: row.hash,
    recordedAt: row.recorded_at.toISOString(),
  });
}

async function entriesWithin(client: Queryable, seq: number): Promise<LogEntry[]> {
  const { rows } = await client.query<LogRow>('SELECT * FROM governance.log WHERE seq > $1 ORDER BY seq', [seq]);
  return rows.map(entryOf);
}

async function databaseClock(client: Queryable): Promise<Date> {
  const { rows } = await client.query<{ now: Date }>("SELECT date_trunc('milliseconds', clock_timestamp()) AS now");
  const [row] = rows;
  if (!row) throw new Error('the database told no time');
  return row.now;
}

async function addOperator(client: Queryable, added: Operator): Promise<void> {
  await client.query('INSERT INTO governance.operator (operator_id, name, key, since) VALUES ($1, $2, $3, $4)', [
    added.operatorId,
    added.name,
    JSON.stringify(added.key),
    added.since,
  ]);
}

async function writeMembership(client: Queryable, next: Membership): Promise<void> {
  const { rowCount } = await client.query(
    `INSERT INTO governance.membership (node_id, operator_id, state, reason, epoch, decided_at, decided_by, signed_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, NULL)
     ON CONFLICT (node_id) DO UPDATE SET state = $3, reason = $4, epoch = $5, decided_at = $6, decided_by = $7
     WHERE governance.membership.epoch = $5 - 1`,
    [next.nodeId, next.operatorId, next.state, next.reason, next.epoch, next.decidedAt, next.decidedBy],
  );
  if (rowCount !== 1) throw new Error('a membership changed outside the lock of the log');
}

async function appendToLog(client: Queryable, addition: LogAddition, now: Date): Promise<number> {
  const { rows } = await client.query<{ seq: string; hash: string }>(
    'SELECT seq, hash FROM governance.log ORDER BY seq DESC LIMIT 1',
  );
  const [last] = rows;
  const next: Omit<LogEntry, 'hash' | 'document' | 'outcome'> = {
    seq: Number(last?.seq ?? 0) + 1,
    kind: addition.kind,
    previousHash: last?.hash ?? genesisHash,
    recordedAt: now.toISOString(),
  };
  const { document, outcome, vote } = addition;
  await client.query(
    `INSERT INTO governance.log
       (seq, kind, decision_id, node_id, proposal_id, voter_id, document, outcome, previous_hash, hash, recorded_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
    [
      next.seq,
      next.kind,
      addition.opens ?? null,
      addition.membership?.nodeId ?? null,
      vote?.proposalId ?? null,
      vote?.voterId ?? null,
      JSON.stringify(document),
      outcome === null ? null : JSON.stringify(outcome),
      next.previousHash,
      hashOf({ ...next, document, outcome }),
      next.recordedAt,
    ],
  );
  return next.seq;
}
