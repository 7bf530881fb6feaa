import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { emptyDatabase, eventually, leakCheck } from '#testing';
import { appDatabaseUrl, derivedPasswords, type PasswordFor } from './app-role.js';
import { migrate } from './migrate.js';

const firstSql = `
CREATE SCHEMA IF NOT EXISTS "toll";
CREATE TABLE "toll"."note" ("id" INTEGER PRIMARY KEY, "text" TEXT NOT NULL);
CREATE FUNCTION "toll"."shout"(t TEXT) RETURNS TEXT LANGUAGE plpgsql AS $$ BEGIN t := upper(t); RETURN t; END; $$;
`;
const secondSql =
  'ALTER TABLE "toll"."note" ADD COLUMN "more" TEXT;\nCREATE TABLE "toll"."page" ("id" INTEGER PRIMARY KEY);';
const first = '20260101000000_toll_init';
const second = '20260102000000_toll_more';

const passwords = derivedPasswords(Buffer.alloc(32, 7));
let database: Awaited<ReturnType<typeof emptyDatabase>>;
let folder: string;
let admin: pg.Client;

function writeMigration(name: string, sql: string): void {
  mkdirSync(join(folder, name), { recursive: true });
  writeFileSync(join(folder, name, 'migration.sql'), sql);
}
const run = (passwordFor: PasswordFor = passwords) =>
  migrate({ adminUrl: database.adminUrl, migrationsDir: folder, passwordFor });
async function asApp<Result>(use: (client: pg.Client) => Promise<Result>, passwordFor = passwords): Promise<Result> {
  const url = appDatabaseUrl(database.adminUrl, 'toll', { rolePrefix: database.name, passwordFor });
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return use(client).finally(() => client.end());
}
const tables = async () =>
  (
    await admin.query<{ t: string }>(
      "SELECT table_name AS t FROM information_schema.tables WHERE table_schema = 'toll' ORDER BY 1",
    )
  ).rows.map((row) => row.t);

beforeEach(async () => {
  database = await emptyDatabase();
  folder = mkdtempSync(join(tmpdir(), 'watershed-migrations-'));
  writeMigration(first, firstSql);
  admin = new pg.Client({ connectionString: database.adminUrl });
  await admin.connect();
});
afterEach(async () => {
  await admin.end();
  await database.close();
  rmSync(folder, { recursive: true, force: true });
});

test('applies what is new, in order, and nothing twice', async () => {
  await expect(run()).resolves.toEqual({ applied: [first], rolePrefix: database.name, dataVersion: first });
  await expect(run()).resolves.toEqual({ applied: [], rolePrefix: database.name, dataVersion: first });
  writeMigration(second, secondSql);
  await expect(run()).resolves.toMatchObject({ applied: [second], dataVersion: second });
  expect(await tables()).toEqual(['note', 'page']);
});

test('several starts at once apply it once', async () => {
  const results = await Promise.all([run(), run(), run(), run()]);
  expect(results.flatMap(({ applied }) => applied)).toEqual([first]);
});

test('works in a database that holds other tables', async () => {
  await admin.query('CREATE TABLE public.guest (id integer)');
  await expect(run()).resolves.toMatchObject({ applied: [first] });
});

test('an app may use the rows of its own schema and nothing else', async () => {
  await run();
  await admin.query('CREATE TABLE "gateway"."person" (id integer)');
  await asApp(async (client) => {
    await client.query(`INSERT INTO note (id, text) VALUES (1, toll.shout('hi'))`);
    expect((await client.query('SELECT text FROM toll.note')).rows).toEqual([{ text: 'HI' }]);
    for (const refused of [
      'SELECT * FROM gateway.person',
      'SELECT * FROM public.watershed_meta',
      'SELECT * FROM public._prisma_migrations',
      'CREATE TABLE toll.mine (id integer)',
      'CREATE TABLE public.mine (id integer)',
      'CREATE TEMPORARY TABLE mine (id integer)',
      'CREATE SCHEMA mine',
      'TRUNCATE toll.note',
      'DROP TABLE toll.note',
    ]) {
      await expect(client.query(refused)).rejects.toMatchObject({ code: '42501' });
    }
  });
});

test('a table of a later migration is granted too', async () => {
  await run();
  writeMigration(second, secondSql);
  await run();
  await asApp(async (client) => {
    await expect(client.query('INSERT INTO toll.page (id) VALUES (1)')).resolves.toMatchObject({ rowCount: 1 });
  });
});

test('new passwords take effect at the next start, and the server never sees them', async () => {
  await run();
  const changed = derivedPasswords(Buffer.alloc(32, 8));
  await run(changed);
  await expect(asApp((client) => client.query('SELECT 1'))).rejects.toMatchObject({ code: '28P01' });
  await expect(asApp((client) => client.query('SELECT 1'), changed)).resolves.toMatchObject({ rowCount: 1 });
});

test('roles that are gone (a restored dump) come back', async () => {
  await run();
  await admin.query(`DROP OWNED BY "${database.name}_toll"`);
  await admin.query(`DROP ROLE "${database.name}_toll"`);
  await expect(run()).resolves.toMatchObject({ applied: [] });
  await expect(asApp((client) => client.query('SELECT * FROM note'))).resolves.toMatchObject({ rowCount: 0 });
});

test('data of a newer version is refused and left as it is', async () => {
  writeMigration(second, secondSql);
  await run();
  rmSync(join(folder, second), { recursive: true });
  await expect(run()).rejects.toMatchObject({ code: 'data_newer_than_code', migrations: [second] });
  expect(await tables()).toEqual(['note', 'page']);
});

test('a migration whose text changed after it was applied is refused', async () => {
  await run();
  writeMigration(first, `${firstSql}\n-- a word more`);
  await expect(run()).rejects.toMatchObject({ code: 'migration_changed', migrations: [first] });
});

test('a refused migration leaves nothing, says why, and can be mended', async () => {
  await run();
  writeMigration(second, `${secondSql}\nINSERT INTO "toll"."nowhere" VALUES (1);`);
  await expect(run()).rejects.toMatchObject({
    code: 'migration_failed',
    message: expect.stringContaining('toll.nowhere'),
  });
  expect(await tables()).toEqual(['note']);
  await expect(run()).rejects.toMatchObject({ code: 'migration_failed' });
  writeMigration(second, secondSql);
  await expect(run()).resolves.toMatchObject({ applied: [second] });
});

test('a migration cut off in the middle is done again', async () => {
  await run();
  writeMigration(second, `${secondSql}\nSELECT pg_sleep(60);`);
  const cut = run();
  const refused = expect(cut).rejects.toMatchObject({ code: 'database_unavailable' });
  await eventually(async () => {
    const { rowCount } = await admin.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'`,
    );
    return (rowCount ?? 0) > 0;
  });
  await refused;
  expect(await tables()).toEqual(['note']);
  writeMigration(second, secondSql);
  await expect(run()).resolves.toMatchObject({ applied: [second] });
});

test('a crash after the commit and before the mark in the history is healed without running it again', async () => {
  await run();
  await admin.query('UPDATE public._prisma_migrations SET finished_at = NULL, applied_steps_count = 0');
  await admin.query("INSERT INTO toll.note VALUES (1, 'kept')");
  await expect(run()).resolves.toMatchObject({ applied: [] });
  expect((await admin.query('SELECT text FROM toll.note')).rows).toEqual([{ text: 'kept' }]);
  const { rows } = await admin.query(
    'SELECT finished_at IS NOT NULL AS finished, rolled_back_at FROM public._prisma_migrations',
  );
  expect(rows).toEqual([{ finished: true, rolled_back_at: null }]);
});

test('a server that does not answer is told in one line', async () => {
  const unreachable = new URL(database.adminUrl);
  unreachable.port = '1';
  await expect(
    migrate({ adminUrl: unreachable.href, migrationsDir: folder, passwordFor: passwords }),
  ).rejects.toMatchObject({ code: 'database_unavailable' });
});

test('a login that may not make roles is told so', async () => {
  await run();
  writeMigration(second, secondSql);
  const url = appDatabaseUrl(database.adminUrl, 'toll', { rolePrefix: database.name, passwordFor: passwords });
  await admin.query(`GRANT SELECT ON ALL TABLES IN SCHEMA public TO "${database.name}_toll"`);
  await expect(migrate({ adminUrl: url, migrationsDir: folder, passwordFor: passwords })).rejects.toMatchObject({
    code: 'not_administrator',
  });
});

test.each(['BEGIN;\nSELECT 1;\nCOMMIT;', 'CREATE INDEX CONCURRENTLY i ON toll.note (text);'])(
  'a migration that cannot run in one transaction is refused before anything runs: %s',
  async (sql) => {
    writeMigration(second, sql);
    await expect(run()).rejects.toMatchObject({ code: 'migration_invalid', migrations: [second] });
    expect(await tables()).toEqual([]);
  },
);

test('migrating leaves nothing open that would keep a process alive', async () => {
  const check = leakCheck({ settleMs: 500 });
  await run();
  writeMigration(second, secondSql);
  await run();
  await check.expectNothingLeft();
});
