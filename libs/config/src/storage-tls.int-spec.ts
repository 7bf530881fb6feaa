import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { z } from 'zod';
import { RedisUsers } from '#access';
import { Bus } from '#bus';
import { openDatabase } from '#persistence';
import { defineJob, handleJob, JobProducer, JobWorker } from '#queues';
import {
  type CertificateFiles,
  certificateFiles,
  eventually,
  leakCheck,
  type SecuredServer,
  securedPostgres,
  securedRedis,
  testLogger,
} from '#testing';
import { type Env, parseEnv, postgresUrl, redisUrl } from './index.js';

const settings = z.object({ REDIS_URL: redisUrl(), DATABASE_URL: postgresUrl() });
const job = defineJob({
  name: 'tls',
  queue: 'tls',
  schema: z.object({ n: z.number() }),
  attempts: 1,
  backoff: { delayMs: 20, jitter: 0, maxDelayMs: 40 },
  timeoutMs: 2_000,
});

let folder: string;
let own: CertificateFiles;
let redis: SecuredServer;
let postgres: SecuredServer;
let leaks: ReturnType<typeof leakCheck>;

beforeAll(async () => {
  leaks = leakCheck();
  folder = mkdtempSync(join(tmpdir(), 'watershed-storage-tls-'));
  own = certificateFiles(folder, ['localhost', '127.0.0.1']);
  [redis, postgres] = await Promise.all([securedRedis(own), securedPostgres(own)]);
});
afterAll(async () => {
  await Promise.all([redis.stop(), postgres.stop()]);
  rmSync(folder, { recursive: true });
  await leaks.expectNothingLeft();
});

/** The addresses as an app gets them from its environment. */
function urls(caFile: string, change: (url: string) => string = (url) => url) {
  const env: Env = { REDIS_URL: change(redis.url), DATABASE_URL: change(postgres.url), WATERSHED_CA_FILE: caFile };
  const parsed = parseEnv(settings, env, 'tls test');
  return { redisUrl: parsed.REDIS_URL.reveal(), databaseUrl: parsed.DATABASE_URL.reveal() };
}

/** Why neither lets itself be used; '' for one that does. */
async function refusals({ redisUrl, databaseUrl }: ReturnType<typeof urls>): Promise<string[]> {
  // Node's own errors are of another realm than a test's.
  const reason = (error: { message: string; cause?: { message: string } }) => error.cause?.message ?? error.message;
  const users = RedisUsers.connect(redisUrl, 'c'.repeat(43)).then((connected) => {
    connected.close();
    return '';
  }, reason);
  const database = await openDatabase({ url: databaseUrl, applicationName: 'tls test', poolSize: 1 });
  const answered = await database.pool.query('SELECT 1').then(() => '', reason);
  await database.close();
  return [await users, answered];
}

describe('Redis and Postgres over TLS', () => {
  it('serve the bus, the queues, the login that manages users, Prisma and plain SQL', async () => {
    const { redisUrl, databaseUrl } = urls(own.certFile);
    const clusterId = 'c'.repeat(43);
    const bus = await Bus.connect({
      redisUrl,
      identity: { clusterId, nodeId: 'n'.repeat(43), services: ['toll'] },
      directory: { find: () => [], get: () => undefined },
      logger: testLogger(),
      metrics: { registry: new Registry() },
    });
    const done: number[] = [];
    const queue = { redisUrl, clusterId, app: 'toll' };
    const producer = new JobProducer(queue);
    const worker = new JobWorker({
      ...queue,
      queue: 'tls',
      handlers: [handleJob(job, async ({ n }) => void done.push(n))],
      onFailure: () => undefined,
    });
    const users = await RedisUsers.connect(redisUrl, clusterId);
    const database = await openDatabase({ url: databaseUrl, applicationName: 'tls test' });
    try {
      await bus.whenConnected(3_000);
      await worker.start();
      await producer.add(job, { n: 7 }, { jobId: 'one' });
      await eventually(() => done.length === 1);
      expect(await users.management()).toEqual({ managed: true });
      const secured = 'SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()';
      expect((await database.pool.query(secured)).rows).toEqual([{ ssl: true, version: 'TLSv1.3' }]);
      expect(await database.prisma.$queryRawUnsafe(secured)).toEqual([{ ssl: true, version: 'TLSv1.3' }]);
    } finally {
      users.close();
      await worker.close({ timeoutMs: 100 });
      await Promise.all([producer.close(), bus.close(), database.close()]);
    }
  });

  it('are not believed under a certificate that nobody vouches for', async () => {
    const foreign = certificateFiles(folder, ['localhost', '127.0.0.1']);
    for (const refusal of await refusals(urls(foreign.certFile))) expect(refusal).toMatch(/self-signed/);
  });

  it.each([
    ['has expired', ['127.0.0.1'], -1, /has expired/],
    ['was made for another host', ['elsewhere.example'], 1, /does not match certificate's altnames/],
  ])('are not believed under one that %s', async (_, hosts, daysLeft, problem) => {
    const shown = certificateFiles(folder, hosts, daysLeft);
    await Promise.all([redis.show(shown), postgres.show(shown)]);
    try {
      // Postgres takes a changed setting in a moment of its own.
      await eventually(async () => {
        const told = await refusals(urls(shown.certFile));
        expect(told).toEqual([expect.stringMatching(problem), expect.stringMatching(problem)]);
        return true;
      });
    } finally {
      await Promise.all([redis.show(own), postgres.show(own)]);
    }
    await eventually(async () => (await refusals(urls(own.certFile))).join('') === '');
  });
});
