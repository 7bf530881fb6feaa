import { createHash, randomBytes } from 'node:crypto';
import pg from 'pg';
import type { DatabaseApp } from '#contracts';
import {
  appDatabaseUrl,
  derivedPasswords,
  migrate,
  migrationsFolder,
  migrationsHash,
  readMigrations,
} from '#persistence';
import { testPostgresUrl } from './test-services.js';

export interface TestDatabase {
  /** Administrator's login on this database. */
  readonly adminUrl: string;
  /** Login of one app on this database, with that app's rights only. */
  urlFor(app: DatabaseApp): string;
  /** Connections of anyone to this database, by application name; empty when all code under test closed its own. */
  connections(): Promise<readonly string[]>;
  /** Ends every connection and drops the database. */
  close(): Promise<void>;
}

/** Passwords of the roles in test databases; of no worth anywhere else. */
export const testPasswords = derivedPasswords(createHash('sha256').update('watershed tests').digest());

const templatePrefix = 'wst_t_';
const clonePrefix = 'wst_c_';
const staleAfterMs = 2 * 60 * 60_000;

function onDatabase(url: string, database: string): string {
  const changed = new URL(url);
  changed.pathname = `/${database}`;
  return changed.href;
}

async function withAdmin<Result>(url: string, run: (client: pg.Client) => Promise<Result>): Promise<Result> {
  const client = new pg.Client({ connectionString: url, application_name: 'watershed-testing' });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await run(client);
  } finally {
    await client.end();
  }
}

/** Clones and templates that a killed run left behind: names and comments carry the hour they were made in. */
async function dropStale(client: pg.Client, keep: string): Promise<void> {
  const { rows } = await client.query<{ name: string; comment: string | null }>(
    `SELECT datname AS name, shobj_description(oid, 'pg_database') AS comment FROM pg_database
     WHERE (datname LIKE 'wst\\_c\\_%' OR datname LIKE 'wst\\_t\\_%') AND datname <> $1
       AND NOT EXISTS (SELECT 1 FROM pg_stat_activity a WHERE a.datname = pg_database.datname)`,
    [keep],
  );
  for (const { name, comment } of rows) {
    const madeAt = name.startsWith(clonePrefix)
      ? Number.parseInt(name.slice(clonePrefix.length).split('_')[0] ?? '', 36)
      : Number(comment);
    if (!(Date.now() - madeAt > staleAfterMs)) continue;
    await client.query(`ALTER DATABASE ${pg.escapeIdentifier(name)} IS_TEMPLATE false`);
    await client.query(`DROP DATABASE IF EXISTS ${pg.escapeIdentifier(name)}`);
    if (name.startsWith(templatePrefix)) await dropRoles(client, name);
  }
}

/** The roles of a database that is gone. A clone of it may still hold grants of them; then they stay until it is gone. */
export async function dropRoles(client: pg.Client, rolePrefix: string): Promise<void> {
  const { rows } = await client.query<{ name: string }>(
    'SELECT rolname AS name FROM pg_roles WHERE starts_with(rolname, $1)',
    [`${rolePrefix}_`],
  );
  for (const { name } of rows)
    await client.query(
      `DO $$ BEGIN DROP ROLE IF EXISTS ${pg.escapeIdentifier(name)};
       EXCEPTION WHEN dependent_objects_still_exist THEN NULL; END $$`,
    );
}

async function ensureTemplate(serverUrl: string, migrationsDir: string): Promise<string> {
  const template = `${templatePrefix}${migrationsHash(await readMigrations(migrationsDir)).slice(0, 20)}`;
  await withAdmin(serverUrl, async (client) => {
    const isReady = async () =>
      (await client.query('SELECT 1 FROM pg_database WHERE datname = $1 AND datistemplate', [template])).rowCount === 1;
    if (await isReady()) return;
    // Suites in other processes want the same template now: one builds, the rest wait.
    await client.query("SELECT pg_advisory_lock(hashtextextended('watershed-testing', 0))");
    if (await isReady()) return;
    await dropStale(client, template);
    const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [template]);
    if (rowCount === 0) await client.query(`CREATE DATABASE ${template}`);
    await migrate({ adminUrl: onDatabase(serverUrl, template), migrationsDir, passwordFor: testPasswords });
    await client.query(`COMMENT ON DATABASE ${template} IS '${Date.now()}'`);
    await client.query(`ALTER DATABASE ${template} IS_TEMPLATE true`);
  });
  return template;
}

/**
 * A database of one suite's own with all migrations applied: cloned in a tenth of a second from a template that is built
 * once for each state of `migrationsDir`.
 */
export async function testDatabase(options: { readonly migrationsDir?: string } = {}): Promise<TestDatabase> {
  const serverUrl = await testPostgresUrl();
  const template = await ensureTemplate(serverUrl, options.migrationsDir ?? migrationsFolder());
  const database = `${clonePrefix}${Date.now().toString(36)}_${randomBytes(6).toString('hex')}`;
  await withAdmin(serverUrl, (client) => client.query(`CREATE DATABASE ${database} TEMPLATE ${template}`));
  const adminUrl = onDatabase(serverUrl, database);
  return {
    adminUrl,
    urlFor: (app) => appDatabaseUrl(adminUrl, app, { rolePrefix: template, passwordFor: testPasswords }),
    connections: () =>
      withAdmin(serverUrl, async (client) => {
        const { rows } = await client.query<{ application_name: string }>(
          'SELECT application_name FROM pg_stat_activity WHERE datname = $1 ORDER BY 1',
          [database],
        );
        return rows.map((row) => row.application_name);
      }),
    close: () =>
      withAdmin(serverUrl, async (client) => {
        await client.query(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);
      }),
  };
}

/** An empty database without migrations, for what tests the migrating itself. */
export async function emptyDatabase(): Promise<Pick<TestDatabase, 'adminUrl' | 'close'> & { readonly name: string }> {
  const serverUrl = await testPostgresUrl();
  const name = `${clonePrefix}${Date.now().toString(36)}_${randomBytes(6).toString('hex')}`;
  await withAdmin(serverUrl, (client) => client.query(`CREATE DATABASE ${name}`));
  return {
    name,
    adminUrl: onDatabase(serverUrl, name),
    close: () =>
      withAdmin(serverUrl, async (client) => {
        await client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
        await dropRoles(client, name);
      }),
  };
}
