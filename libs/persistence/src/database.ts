import { createHash } from 'node:crypto';
import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import { databaseError } from './database.errors.js';
import { Prisma, PrismaClient } from './generated/client.js';

/** Inside a Prisma transaction: the client without what would leave it. */
export type PrismaTransaction = Prisma.TransactionClient;

export interface DatabaseOptions {
  /** With the login of one app, see `appDatabaseUrl`. */
  readonly url: string;
  /** Shown in `pg_stat_activity`. */
  readonly applicationName: string;
  /** Connections at most; opened when needed, closed after half a minute of rest. */
  readonly poolSize?: number;
  /** A statement that runs longer is cancelled by the server. */
  readonly statementTimeoutMs?: number;
  /** How long to wait for a connection before `database_unavailable`. */
  readonly connectTimeoutMs?: number;
}

export interface Database {
  /** For ordinary queries. Errors of the connection are `database_unavailable`, of a full disk `storage_full`. */
  readonly prisma: PrismaClient;
  /** The same connections for hot paths in plain SQL; map its errors by `databaseError`. */
  readonly pool: pg.Pool;
  /** Prisma's interactive transaction: commits when `fn` returns, rolls back when it throws. */
  transaction<Result>(
    fn: (tx: PrismaTransaction) => Promise<Result>,
    options?: { timeoutMs?: number; isolationLevel?: Prisma.TransactionIsolationLevel },
  ): Promise<Result>;
  /** A transaction in plain SQL on one connection. */
  sqlTransaction<Result>(fn: (client: pg.PoolClient) => Promise<Result>): Promise<Result>;
  /** Resolves when a connection answers; rejects with `database_unavailable`. For readiness checks. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

// Prepared statements are kept by name on every connection: enough names for an app's own queries, none for the long
// tail that lists of changing length would make.
const mostPreparedStatements = 256;

function statementNames(): (query: { sql: string }) => string {
  const names = new Map<string, string>();
  return ({ sql }) => {
    const known = names.get(sql);
    if (known !== undefined) return known;
    if (names.size >= mostPreparedStatements) return '';
    const name = `p${createHash('sha1').update(sql).digest('base64url').slice(0, 16)}`;
    names.set(sql, name);
    return name;
  };
}

/**
 * COMMIT of a transaction in which a statement failed succeeds, as a rollback: when the code in between swallowed that
 * failure, this is the last place where it can still be told.
 */
export async function commit(client: pg.ClientBase): Promise<void> {
  const { command } = await client.query('COMMIT');
  if (command !== 'COMMIT') throw new Error('the transaction was rolled back: a statement in it had failed');
}

/** Runs `fn` between BEGIN and COMMIT; a connection that failed is thrown away, never reused. */
export async function inTransaction<Result>(
  pool: pg.Pool,
  fn: (client: pg.PoolClient) => Promise<Result>,
): Promise<Result> {
  const client = await pool.connect();
  let broken: Error | undefined;
  const onError = (error: Error) => {
    broken = error;
  };
  client.on('error', onError);
  try {
    await client.query('BEGIN');
    const result = await fn(client);
    await commit(client);
    return result;
  } catch (error) {
    await client.query('ROLLBACK').catch((rollbackError: Error) => {
      broken ??= rollbackError;
    });
    throw error;
  } finally {
    client.off('error', onError);
    client.release(broken);
  }
}

/** Connects lazily: nothing is opened before the first query. */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const statementTimeoutMs = options.statementTimeoutMs ?? 10_000;
  const pool = new pg.Pool({
    connectionString: options.url,
    application_name: options.applicationName,
    max: options.poolSize ?? 3,
    connectionTimeoutMillis: options.connectTimeoutMs ?? 5_000,
    idleTimeoutMillis: 30_000,
    keepAlive: true,
    statement_timeout: statementTimeoutMs,
    idle_in_transaction_session_timeout: statementTimeoutMs * 2,
    // A server that is there but silent (a cut cable) must not hang a caller.
    query_timeout: statementTimeoutMs + 5_000,
  });
  // An idle connection that breaks is dropped by the pool; the next query opens another.
  pool.on('error', () => undefined);
  // The server may end a connection in the very message that hands it out, before whoever asked for it can listen. An
  // error nobody listens to would end the process; the query that follows fails by itself.
  pool.on('connect', (client) => client.on('error', () => undefined));
  const bare = new PrismaClient({ adapter: new PrismaPg(pool, { statementNameGenerator: statementNames() }) });
  const prisma = bare.$extends({
    query: {
      async $allOperations({ args, query }) {
        try {
          return await query(args);
        } catch (error) {
          throw databaseError(error);
        }
      },
    },
  }) as PrismaClient;
  let closing: Promise<void> | undefined;
  return {
    prisma,
    pool,
    async transaction(fn, { timeoutMs = statementTimeoutMs, isolationLevel } = {}) {
      try {
        return await prisma.$transaction(fn, {
          timeout: timeoutMs,
          maxWait: options.connectTimeoutMs ?? 5_000,
          ...(isolationLevel ? { isolationLevel } : {}),
        });
      } catch (error) {
        throw databaseError(error);
      }
    },
    async sqlTransaction(fn) {
      try {
        return await inTransaction(pool, fn);
      } catch (error) {
        throw databaseError(error);
      }
    },
    async ping() {
      try {
        await pool.query('SELECT 1');
      } catch (error) {
        throw databaseError(error);
      }
    },
    close() {
      closing ??= bare.$disconnect().then(() => pool.end());
      return closing;
    },
  };
}
