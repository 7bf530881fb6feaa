import type pg from 'pg';
import { serviceName } from '#contracts';
import { type Database, databaseError } from '#persistence';
import type { AccessRecord, AccessStore, DatabaseOpening, Ticket, TicketRefusal } from './engine/access.ports.js';

interface AccessRow extends pg.QueryResultRow {
  node_id: string;
  operator_id: string;
  services: string[];
  redis_password_sha256: string;
  database_login: string | null;
  state: AccessRecord['state'];
}

interface TicketRow extends pg.QueryResultRow {
  node_id: string;
  services: string[];
  used: boolean;
  /** The same request used it. */
  same: boolean;
  voided: boolean;
  expired: boolean;
}

/** Tickets and records in Postgres; its clock says what has expired. */
export class AccessRepository implements AccessStore {
  constructor(private readonly database: Pick<Database, 'pool' | 'sqlTransaction'>) {}

  async records(): Promise<AccessRecord[]> {
    return (await this.rows<AccessRow>('SELECT * FROM governance.access', [])).map(recordOf);
  }

  async record(nodeId: string): Promise<AccessRecord | undefined> {
    const [row] = await this.rows<AccessRow>('SELECT * FROM governance.access WHERE node_id = $1', [nodeId]);
    return row && recordOf(row);
  }

  async keepTicket({ ticketSha256, nodeId, services, issuedBy, expiresInSeconds }: Ticket): Promise<Date> {
    const [row] = await this.rows<{ expires_at: Date }>(
      `INSERT INTO governance.join_ticket (ticket_sha256, node_id, services, issued_by, expires_at)
       VALUES ($1, $2, $3, $4, now() + make_interval(secs => $5))
       ON CONFLICT (ticket_sha256) DO UPDATE SET ticket_sha256 = excluded.ticket_sha256 RETURNING expires_at`,
      [ticketSha256, nodeId, services, issuedBy, expiresInSeconds],
    );
    if (!row) throw new Error('a ticket was neither kept nor found');
    return row.expires_at;
  }

  redeem(
    { ticketSha256, with: request }: { readonly ticketSha256: string; readonly with: string },
    record: AccessRecord,
    opening: DatabaseOpening | undefined,
    effects: () => Promise<void>,
  ): Promise<TicketRefusal | undefined> {
    return this.database.sqlTransaction(async (client) => {
      // Locked: of two that come at once the second reads it when the first has committed, and finds it used.
      const { rows } = await client.query<TicketRow>(
        `SELECT node_id, services, redeemed_at IS NOT NULL AS used, voided_at IS NOT NULL AS voided,
           expires_at <= clock_timestamp() AS expired, redeemed_with IS NOT DISTINCT FROM $2 AS same
         FROM governance.join_ticket WHERE ticket_sha256 = $1 FOR UPDATE`,
        [ticketSha256, request],
      );
      const [ticket] = rows;
      const refusal = refusalOf(ticket, record);
      if (refusal) return refusal;
      if (ticket?.used) return (await stands(client, record)) ? undefined : 'used';
      await client.query(
        'UPDATE governance.join_ticket SET redeemed_at = now(), redeemed_with = $2 WHERE ticket_sha256 = $1 AND redeemed_at IS NULL',
        [ticketSha256, request],
      );
      await client.query(
        `INSERT INTO governance.access (node_id, operator_id, services, redis_password_sha256, database_login, state)
         VALUES ($1, $2, $3, $4, $5, 'active')
         ON CONFLICT (node_id) DO UPDATE SET operator_id = $2, services = $3, redis_password_sha256 = $4,
           database_login = $5, state = 'active', moved_at = now()`,
        [record.nodeId, record.operatorId, record.services, record.redisPasswordSha256, record.databaseLogin ?? null],
      );
      // Roles are made and changed under the same transaction as rows.
      if (opening) {
        await client.query('SELECT governance.open_login($1, $2, $3)', [opening.app, opening.login, opening.verifier]);
      }
      await effects();
      return undefined;
    });
  }

  move(nodeId: string, state: AccessRecord['state']): Promise<AccessRecord | undefined> {
    return this.database.sqlTransaction(async (client) => {
      if (state === 'revoked') {
        await client.query(
          'UPDATE governance.join_ticket SET voided_at = now() WHERE node_id = $1 AND redeemed_at IS NULL AND voided_at IS NULL',
          [nodeId],
        );
      }
      const { rows } = await client.query<AccessRow>(
        'UPDATE governance.access SET state = $2, moved_at = now() WHERE node_id = $1 RETURNING *',
        [nodeId, state],
      );
      return rows[0] && recordOf(rows[0]);
    });
  }

  private async rows<Row extends pg.QueryResultRow>(text: string, values: unknown[]): Promise<Row[]> {
    try {
      return (await this.database.pool.query<Row>(text, values)).rows;
    } catch (error) {
      throw databaseError(error);
    }
  }
}

function refusalOf(ticket: TicketRow | undefined, { nodeId, services }: AccessRecord): TicketRefusal | undefined {
  if (!ticket || ticket.voided) return 'unknown';
  if (ticket.node_id !== nodeId || services.some((service) => !ticket.services.includes(service))) return 'mismatch';
  if (ticket.used && (ticket.expired || !ticket.same)) return 'used';
  return ticket.expired ? 'expired' : undefined;
}

/** Whether the node's login still is what this record says. A statement of its own: it must see what the lock waited for. */
async function stands(client: pg.ClientBase, { nodeId, redisPasswordSha256 }: AccessRecord): Promise<boolean> {
  const { rowCount } = await client.query(
    "SELECT FROM governance.access WHERE node_id = $1 AND redis_password_sha256 = $2 AND state = 'active'",
    [nodeId, redisPasswordSha256],
  );
  return rowCount === 1;
}

const recordOf = (row: AccessRow): AccessRecord => ({
  nodeId: row.node_id,
  operatorId: row.operator_id,
  services: row.services.map((name) => serviceName.parse(name)),
  redisPasswordSha256: row.redis_password_sha256,
  databaseLogin: row.database_login ?? undefined,
  state: row.state,
});
