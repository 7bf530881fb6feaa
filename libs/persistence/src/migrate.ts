import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { type InstanceOf, type PasswordFor, rolePrefixFor } from './app-role.js';
import { databaseError } from './database.errors.js';
import { MigrationError } from './migration.errors.js';
import { type Migration, readMigrations } from './migration-folder.js';
import { roleNames, roleStatements, rolesDigest } from './migration-roles.js';

export interface MigrateOptions {
  /** Login of an administrator who may create schemas and roles. */
  readonly adminUrl: string;
  /** `prisma/migrations`; see `migrationsFolder`. */
  readonly migrationsDir: string;
  /** Of the logins of each app's first instance; others get theirs from governance. */
  readonly passwordFor: PasswordFor;
  readonly instanceOf?: InstanceOf;
  /** Prefix of the roles at the first migration of this database; its name when absent. Kept with the data after that. */
  readonly rolePrefix?: string;
}

export interface MigrateResult {
  /** Names of the migrations that this call applied, in order. */
  readonly applied: readonly string[];
  readonly rolePrefix: string;
  /** The newest migration in the database, `''` when there is none. */
  readonly dataVersion: string;
}

interface HistoryRow {
  readonly id: string;
  readonly migration_name: string;
  readonly checksum: string;
  readonly finished: boolean;
}

interface State {
  readonly database: string;
  readonly mayAdminister: boolean;
  readonly history: readonly HistoryRow[];
  readonly committed: ReadonlyMap<string, string>;
  readonly meta?: { readonly role_prefix: string; readonly data_version: string; readonly roles_digest: string };
  readonly rolesFound: number;
}

// "wtrs": everyone who migrates one database queues here; Prisma's own lock lies inside.
const lockKey = 0x77747273;

/** `prisma/migrations` of the project that this file belongs to, built or not. */
export function migrationsFolder(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'prisma', 'migrations'))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error('prisma/migrations was not found beside the code');
    folder = parent;
  }
  return join(folder, 'prisma', 'migrations');
}

async function readState(client: pg.Client, options: MigrateOptions): Promise<State> {
  const { rows: found } = await client.query<{
    database: string;
    may: boolean;
    history: boolean;
    meta: boolean;
  }>(`SELECT current_database() AS database, (SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user) AS may,
        to_regclass('public._prisma_migrations') IS NOT NULL AS history, to_regclass('public.watershed_meta') IS NOT NULL AS meta`);
  const exists = found[0] ?? { database: '', may: false, history: false, meta: false };
  const history = exists.history
    ? await client.query<HistoryRow>(
        `SELECT id, migration_name, checksum, finished_at IS NOT NULL AS finished FROM public._prisma_migrations
         WHERE rolled_back_at IS NULL ORDER BY started_at`,
      )
    : { rows: [] };
  const meta = exists.meta
    ? await client.query<NonNullable<State['meta']>>(
        'SELECT role_prefix, data_version, roles_digest FROM public.watershed_meta',
      )
    : { rows: [] };
  const committed = exists.meta
    ? await client.query<{ name: string; checksum: string }>('SELECT name, checksum FROM public.watershed_migration')
    : { rows: [] };
  const prefix = meta.rows[0]?.role_prefix;
  const roles = prefix
    ? await client.query('SELECT 1 FROM pg_roles WHERE rolname = ANY($1::text[])', [roleNames(prefix, options)])
    : { rowCount: 0 };
  return {
    database: exists.database,
    mayAdminister: exists.may,
    history: history.rows,
    committed: new Map(committed.rows.map(({ name, checksum }) => [name, checksum])),
    ...(meta.rows[0] ? { meta: meta.rows[0] } : {}),
    rolesFound: roles.rowCount ?? 0,
  };
}

/** Refuses a history that this code cannot continue. */
function check(state: State, migrations: readonly Migration[]): void {
  const known = new Map(migrations.map((migration) => [migration.name, migration]));
  const kept = state.history.filter((row) => row.finished || state.committed.has(row.migration_name));
  const unknown = kept.map((row) => row.migration_name).filter((name) => !known.has(name));
  if (unknown.length > 0) {
    throw new MigrationError(
      'data_newer_than_code',
      `The data was written by a newer version of Watershed (it has the migration "${unknown.at(-1)}"). Start that version, or restore an older backup.`,
      unknown,
    );
  }
  const changed = kept
    .filter((row) => known.get(row.migration_name)?.checksum !== row.checksum)
    .map((row) => row.migration_name);
  if (changed.length > 0) {
    throw new MigrationError(
      'migration_changed',
      `The migration "${changed[0]}" was changed after it had been applied. Put its text back and write a new migration.`,
      changed,
    );
  }
}

function isUpToDate(state: State, migrations: readonly Migration[], options: MigrateOptions): boolean {
  if (!state.meta || state.history.some((row) => !row.finished)) return false;
  const applied = new Set(state.history.map((row) => row.migration_name));
  return (
    migrations.every(({ name }) => applied.has(name)) &&
    state.meta.data_version === (migrations.at(-1)?.name ?? '') &&
    state.rolesFound === roleNames(state.meta.role_prefix, options).length &&
    state.meta.roles_digest === rolesDigest(state.meta.role_prefix, options)
  );
}

/**
 * A migration that a crash or a refusal interrupted is a row of Prisma's without an end. It ran in one transaction with
 * the mark in `watershed_migration`, so the mark says whether all of it happened or nothing.
 */
async function recover(client: pg.Client, state: State): Promise<void> {
  for (const row of state.history) {
    if (row.finished) continue;
    await client.query(
      state.committed.has(row.migration_name)
        ? 'UPDATE public._prisma_migrations SET finished_at = now(), applied_steps_count = 1, logs = NULL WHERE id = $1'
        : 'UPDATE public._prisma_migrations SET rolled_back_at = now() WHERE id = $1',
      [row.id],
    );
  }
}

// Prisma's own table is made here too, as Prisma makes it: without it the engine refuses a database that is not empty,
// and ours is not, with the two tables below.
const metaTables = `
  CREATE TABLE IF NOT EXISTS public._prisma_migrations (
    id varchar(36) PRIMARY KEY NOT NULL,
    checksum varchar(64) NOT NULL,
    finished_at timestamptz,
    migration_name varchar(255) NOT NULL,
    logs text,
    rolled_back_at timestamptz,
    started_at timestamptz NOT NULL DEFAULT now(),
    applied_steps_count integer NOT NULL DEFAULT 0
  );
  CREATE TABLE IF NOT EXISTS public.watershed_meta (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    role_prefix text NOT NULL,
    data_version text NOT NULL,
    roles_digest text NOT NULL
  );
  CREATE TABLE IF NOT EXISTS public.watershed_migration (
    name text PRIMARY KEY,
    checksum text NOT NULL,
    committed_at timestamptz NOT NULL DEFAULT now()
  )`;

const markerOf = ({ name, checksum }: Migration) =>
  `INSERT INTO public.watershed_migration (name, checksum) VALUES (${pg.escapeLiteral(name)}, ${pg.escapeLiteral(checksum)})`;

async function apply(options: MigrateOptions, migrations: readonly Migration[]): Promise<readonly string[]> {
  // Prisma's lock is held by a session, so the engine gets a pool of one connection.
  const pool = new pg.Pool({ connectionString: options.adminUrl, application_name: 'watershed-migrate', max: 1 });
  pool.on('error', () => undefined);
  try {
    const { applyMigrations } = await import('./schema-engine.js');
    return await applyMigrations(pool, options.migrationsDir, migrations, markerOf);
  } catch (error) {
    const mapped = databaseError(error);
    if (mapped !== error) throw mapped;
    const reason = error instanceof Error ? error.message : String(error);
    throw new MigrationError(
      'migration_failed',
      `A migration was refused by the database: ${reason}. Nothing of it was kept.`,
      [],
      error,
    );
  } finally {
    await pool.end();
  }
}

async function migrateOn(client: pg.Client, options: MigrateOptions): Promise<MigrateResult> {
  const migrations = await readMigrations(options.migrationsDir);
  const dataVersion = migrations.at(-1)?.name ?? '';
  const before = await readState(client, options);
  check(before, migrations);
  if (before.meta && isUpToDate(before, migrations, options)) {
    return { applied: [], rolePrefix: before.meta.role_prefix, dataVersion };
  }
  if (!before.mayAdminister) {
    throw new MigrationError(
      'not_administrator',
      'The database login may not create roles. Give one that has CREATEROLE and owns the database.',
    );
  }
  await client.query('SELECT pg_advisory_lock($1)', [lockKey]);
  // Another start may have done it all while this one waited.
  const state = await readState(client, options);
  check(state, migrations);
  const rolePrefix = state.meta?.role_prefix ?? options.rolePrefix ?? rolePrefixFor(state.database);
  await client.query(metaTables);
  await recover(client, state);
  const finished = new Set(
    state.history
      .filter((row) => row.finished || state.committed.has(row.migration_name))
      .map((row) => row.migration_name),
  );
  const applied = migrations.every(({ name }) => finished.has(name)) ? [] : await apply(options, migrations);
  const statements = [
    ...roleStatements(state.database, rolePrefix, options),
    `INSERT INTO public.watershed_meta (role_prefix, data_version, roles_digest)
     VALUES (${[rolePrefix, dataVersion, rolesDigest(rolePrefix, options)].map(pg.escapeLiteral).join(', ')})
     ON CONFLICT (only_row) DO UPDATE SET data_version = excluded.data_version, roles_digest = excluded.roles_digest`,
  ];
  // One simple query of several statements is one transaction: the version moves with the grants or not at all.
  await client.query(statements.join(';\n'));
  return { applied, rolePrefix, dataVersion };
}

/**
 * Brings a database up to date and its roles in order. Safe to run from several starts at once; one that finds nothing to
 * do asks three questions and loads no engine. Throws `MigrationError`, or `database_unavailable` / `storage_full`.
 */
export async function migrate(options: MigrateOptions): Promise<MigrateResult> {
  const client = new pg.Client({
    connectionString: options.adminUrl,
    application_name: 'watershed-migrate',
    connectionTimeoutMillis: 10_000,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await migrateOn(client, options);
  } catch (error) {
    throw databaseError(error);
  } finally {
    // Ends the session, and the advisory lock with it.
    await client.end().catch(() => undefined);
  }
}
