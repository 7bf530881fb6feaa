import { createServer } from 'node:net';
import pg from 'pg';
import { emptyDatabase, leakCheck } from '#testing';
import { databaseError, isUniqueViolation } from './database.errors.js';
import { type Database, openDatabase } from './database.js';

let scratch: Awaited<ReturnType<typeof emptyDatabase>>;
let database: Database;

beforeAll(async () => {
  scratch = await emptyDatabase();
  database = await openDatabase({ url: scratch.adminUrl, applicationName: 'database-test' });
  await database.pool.query('CREATE TABLE item (id integer PRIMARY KEY)');
});
afterAll(async () => {
  await database.close();
  await scratch.close();
});

test('a transaction commits when its function returns and rolls back when it throws, in both kinds', async () => {
  await database.transaction((tx) => tx.$executeRaw`INSERT INTO item VALUES (1)`);
  await database.sqlTransaction((client) => client.query('INSERT INTO item VALUES (2)'));
  const fail = () => {
    throw new Error('no');
  };
  await expect(
    database.transaction(async (tx) => tx.$executeRaw`INSERT INTO item VALUES (3)`.then(fail)),
  ).rejects.toThrow('no');
  await expect(
    database.sqlTransaction((client) => client.query('INSERT INTO item VALUES (4)').then(fail)),
  ).rejects.toThrow('no');
  expect((await database.pool.query('SELECT id FROM item ORDER BY id')).rows).toEqual([{ id: 1 }, { id: 2 }]);
});

test('a failure that was swallowed inside does not look like a commit', async () => {
  const swallowed = database.sqlTransaction(async (client) => {
    await client.query('INSERT INTO item VALUES (9)');
    await client.query('SELECT 1 / 0').catch(() => undefined);
  });
  await expect(swallowed).rejects.toThrow('rolled back');
});

test('a unique key that is taken is told, by Prisma and by plain SQL', async () => {
  const plain = await database.pool.query('INSERT INTO item VALUES (1)').catch((error: unknown) => error);
  expect(isUniqueViolation(plain)).toBe(true);
  expect(databaseError(plain)).toBe(plain);
  const prisma = await database.prisma.$executeRaw`INSERT INTO item VALUES (1)`.catch((error: unknown) => error);
  expect(isUniqueViolation(prisma)).toBe(true);
});

test('a connection that is killed is database_unavailable, and the next query has another', async () => {
  const killed = database.prisma.$queryRaw`SELECT pg_terminate_backend(pg_backend_pid())`;
  await expect(killed).rejects.toMatchObject({ code: 'database_unavailable', retryAfterMs: 1_000 });
  const inside = database.sqlTransaction((client) => client.query('SELECT pg_terminate_backend(pg_backend_pid())'));
  await expect(inside).rejects.toMatchObject({ code: 'database_unavailable' });
  await database.ping();
});

test('a server that is not there, and one that never answers, are database_unavailable in time', async () => {
  const check = leakCheck();
  const silent = createServer((socket) => socket.on('error', () => undefined).resume()).listen(0, '127.0.0.1');
  await new Promise((resolve) => silent.once('listening', resolve));
  const address = silent.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  for (const url of [
    'postgres://u:p@127.0.0.1:1/x',
    `postgres://u:p@127.0.0.1:${port}/x`,
    'postgres://u:p@localhost/x?host=/nowhere',
  ]) {
    const away = await openDatabase({ url, applicationName: 'away', connectTimeoutMs: 300 });
    const startedAt = performance.now();
    await expect(away.ping()).rejects.toMatchObject({ code: 'database_unavailable' });
    await expect(away.prisma.$queryRaw`SELECT 1`).rejects.toMatchObject({ code: 'database_unavailable' });
    expect(performance.now() - startedAt).toBeLessThan(3_000);
    await away.close();
  }
  await new Promise((resolve) => silent.close(resolve));
  await check.expectNothingLeft();
});

test('the one character that Postgres cannot store is the fault of who sent it', async () => {
  await database.pool.query('CREATE TABLE IF NOT EXISTS note (body text, more jsonb)');
  const nul = 'a\u0000b';
  const plain = database.sqlTransaction((client) => client.query('INSERT INTO note (body) VALUES ($1)', [nul]));
  await expect(plain).rejects.toMatchObject({ code: 'invalid_request' });
  const prisma = database.prisma.$executeRaw`INSERT INTO note (body) VALUES (${nul})`;
  await expect(prisma).rejects.toMatchObject({ code: 'invalid_request' });
  const json = database.prisma.$executeRaw`INSERT INTO note (more) VALUES (${JSON.stringify({ nul })}::jsonb)`;
  await expect(json).rejects.toMatchObject({ code: 'invalid_request' });
});

test('a full disk is storage_full, whoever says so', () => {
  const full = Object.assign(new Error('could not extend file'), { code: '53100' });
  expect(databaseError(full)).toMatchObject({ code: 'storage_full' });
  const wrapped = Object.assign(new Error('wrapped'), {
    code: 'P2010',
    meta: { driverAdapterError: { cause: { originalCode: '53100' } } },
  });
  expect(databaseError(wrapped)).toMatchObject({ code: 'storage_full' });
});

test('a socket at which too many wait already is database_unavailable', () => {
  const busy = Object.assign(new Error('connect EAGAIN /run/postgresql/.s.PGSQL.5432'), { code: 'EAGAIN' });
  expect(databaseError(busy)).toMatchObject({ code: 'database_unavailable' });
});

test('closing leaves no connection', async () => {
  const check = leakCheck();
  const one = await openDatabase({ url: scratch.adminUrl, applicationName: 'closing' });
  await one.ping();
  await one.prisma.$queryRaw`SELECT 1`;
  await one.close();
  await one.close();
  const client = new pg.Client({ connectionString: scratch.adminUrl });
  await client.connect();
  const { rowCount } = await client.query("SELECT 1 FROM pg_stat_activity WHERE application_name = 'closing'");
  await client.end();
  expect(rowCount).toBe(0);
  await check.expectNothingLeft();
});
