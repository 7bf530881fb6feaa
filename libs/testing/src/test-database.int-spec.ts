import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import pg from 'pg';
import { databaseApps } from '#contracts';
import { openDatabase } from '#persistence';
import { emptyDatabase, testDatabase } from './test-database.js';
import { testRedis } from './test-redis.js';
import { testPostgresUrl } from './test-services.js';

async function once(url: string, sql: string): Promise<pg.QueryResultRow[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return client
    .query(sql)
    .then(({ rows }) => rows)
    .finally(() => client.end());
}

jest.setTimeout(60_000);

test('suites get databases of their own, with every app in its place', async () => {
  const [one, two] = await Promise.all([testDatabase(), testDatabase()]);
  try {
    await once(one.adminUrl, 'CREATE TABLE public.mine (id integer)');
    expect(await once(two.adminUrl, "SELECT to_regclass('public.mine') AS mine")).toEqual([{ mine: null }]);
    for (const app of databaseApps) {
      const [row] = await once(one.urlFor(app), 'SELECT current_schema() AS schema, current_user AS role');
      expect(row).toEqual({
        schema: app.replaceAll('-', '_'),
        role: expect.stringMatching(/_i_[0-9a-f]{24}$/),
      });
    }
    const database = await openDatabase({ url: one.urlFor('toll'), applicationName: 'mine' });
    await database.ping();
    expect(await one.connections()).toEqual(['mine']);
    expect(await two.connections()).toEqual([]);
    await database.close();
  } finally {
    await Promise.all([one.close(), two.close()]);
  }
});

test('a template is built once for one state of the migrations, anew for another', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'watershed-template-'));
  const write = (name: string, sql: string) => {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, 'migration.sql'), sql);
  };
  const mark = Math.random().toString(36).slice(2);
  const built: string[] = [];
  const applied = async () => {
    const database = await testDatabase({ migrationsDir: folder });
    try {
      const [row] = await once(
        database.adminUrl,
        'SELECT array_agg(name ORDER BY name) AS names, min(committed_at)::text AS at FROM public.watershed_migration',
      );
      const [meta] = await once(database.adminUrl, 'SELECT role_prefix FROM public.watershed_meta');
      built.push(String(meta?.role_prefix));
      return row;
    } finally {
      await database.close();
    }
  };
  try {
    write('20260101000000_toll_one', `CREATE SCHEMA IF NOT EXISTS toll; CREATE TABLE toll.t_${mark} (id integer);`);
    const first = await applied();
    expect(first).toMatchObject({ names: ['20260101000000_toll_one'] });
    expect(await applied()).toEqual(first);
    write('20260102000000_toll_two', `CREATE TABLE toll.u_${mark} (id integer);`);
    expect(await applied()).toMatchObject({ names: ['20260101000000_toll_one', '20260102000000_toll_two'] });
  } finally {
    rmSync(folder, { recursive: true });
    const server = await testPostgresUrl();
    for (const template of new Set(built)) {
      await once(server, `ALTER DATABASE ${template} IS_TEMPLATE false`);
      await once(server, `DROP DATABASE ${template}`);
      const roles = await once(server, `SELECT rolname FROM pg_roles WHERE starts_with(rolname, '${template}_')`);
      for (const { rolname } of roles) await once(server, `DROP ROLE "${String(rolname)}"`);
    }
  }
});

test('closing drops the database, connections or not', async () => {
  const database = await emptyDatabase();
  const client = new pg.Client({ connectionString: database.adminUrl });
  client.on('error', () => undefined);
  await client.connect();
  await database.close();
  const found = await once(await testPostgresUrl(), `SELECT 1 FROM pg_database WHERE datname = '${database.name}'`);
  expect(found).toEqual([]);
});

test('corners of Redis are apart, and close clears its own', async () => {
  const [one, two] = await Promise.all([testRedis(), testRedis()]);
  const { Redis } = await import('ioredis');
  const client = new Redis(one.url);
  await client.set(`{${one.clusterId}:toll}:x`, '1');
  await client.set(`${two.clusterId}:y`, '1');
  expect(await one.keys()).toEqual([`{${one.clusterId}:toll}:x`]);
  await one.close();
  expect(await one.keys()).toEqual([]);
  expect(await two.keys()).toEqual([`${two.clusterId}:y`]);
  await two.close();
  client.disconnect();
});
