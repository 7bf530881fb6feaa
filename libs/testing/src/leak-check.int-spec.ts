import { spawn } from 'node:child_process';
import { type AddressInfo, connect, createServer } from 'node:net';
import { Redis } from 'ioredis';
import pg from 'pg';
import { leakCheck } from './leak-check.js';
import { type TestDatabase, testDatabase } from './test-database.js';
import { type TestRedis, testRedis } from './test-redis.js';

let database: TestDatabase;
let redis: TestRedis;

beforeAll(async () => {
  [database, redis] = await Promise.all([testDatabase(), testRedis()]);
});
afterAll(async () => {
  await database.close();
  await redis.close();
});

/** A check that sees the leak, and none once it is mended. */
async function expectCaught(plant: () => Promise<{ mend: () => Promise<void> | void }>, said: RegExp): Promise<void> {
  const check = leakCheck({ database, redis, settleMs: 400 });
  const { mend } = await plant();
  try {
    await expect(check.expectNothingLeft()).rejects.toThrow(said);
  } finally {
    await mend();
  }
  await check.expectNothingLeft();
}

test('nothing opened is nothing left', async () => {
  await leakCheck({ database, redis }).expectNothingLeft();
});

test('a server that listens on', () =>
  expectCaught(async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    return { mend: () => new Promise<void>((resolve) => server.close(() => resolve())) };
  }, /left open: .*listening server/));

test('a socket that nobody ends', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await expectCaught(
    async () => {
      const socket = connect(port, '127.0.0.1');
      await new Promise((resolve) => socket.once('connect', resolve));
      return { mend: () => void socket.destroy() };
    },
    new RegExp(`socket to port ${port}`),
  );
  await new Promise((resolve) => server.close(resolve));
});

test('a child process', () =>
  expectCaught(async () => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
    await new Promise((resolve) => child.once('spawn', resolve));
    return {
      mend: async () => {
        const gone = new Promise((resolve) => child.once('exit', resolve));
        child.kill('SIGKILL');
        await gone;
      },
    };
  }, /child process \d+/));

test('a timer that keeps the process alive', () =>
  expectCaught(async () => {
    const timer = setInterval(() => undefined, 60_000);
    return { mend: () => clearInterval(timer) };
  }, /timer set by .*leak-check\.int-spec/));

test('a Postgres connection', () =>
  expectCaught(async () => {
    const client = new pg.Client({ connectionString: database.adminUrl, application_name: 'forgotten' });
    await client.connect();
    return { mend: () => client.end() };
  }, /Postgres connection of "forgotten"/));

test('a Redis key', () =>
  expectCaught(async () => {
    const client = new Redis(redis.url);
    const key = `${redis.clusterId}:forgotten`;
    await client.set(key, '1');
    client.disconnect();
    return {
      mend: async () => {
        const again = new Redis(redis.url);
        await again.del(key);
        again.disconnect();
      },
    };
  }, /Redis key .*:forgotten/));

test('keys that may stay are named', async () => {
  const check = leakCheck({ redis, allowKey: (key) => key.endsWith(':expected'), settleMs: 200 });
  const client = new Redis(redis.url);
  await client.set(`${redis.clusterId}:expected`, '1');
  client.disconnect();
  await check.expectNothingLeft();
});
