import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { migrationsFolder } from '#persistence';

// The one place in tests that reads the environment: `scripts/test.mjs` starts the services once and names them here. A
// single test file that is run by itself starts its own, which end with its process.
let postgres: Promise<string> | undefined;
let redis: Promise<string> | undefined;

const scratchFolder = (name: string): string => mkdtempSync(join(tmpdir(), `watershed-${name}-`));

async function ownPostgres(): Promise<string> {
  const { freePort, startPostgres } = await import('#local-services');
  const scratch = scratchFolder('postgres');
  const server = await startPostgres({
    folder: join(scratch, 'data'),
    port: await freePort(),
    password: 'tests',
    logFile: join(scratch, 'postgres.log'),
    maxConnections: 300,
    background: true,
    scratchFolder: scratch,
  });
  return server.url;
}

/** The cache that `npm start` keeps its private copy in. */
export const redisCacheFolder = (): string => join(dirname(dirname(migrationsFolder())), '.watershed', 'cache');

async function ownRedis(): Promise<string> {
  const { freePort, startRedis } = await import('#local-services');
  const scratch = scratchFolder('redis');
  const server = await startRedis({
    folder: scratch,
    cacheFolder: redisCacheFolder(),
    port: await freePort(),
    logFile: join(scratch, 'redis.log'),
    persist: false,
    background: true,
    scratchFolder: scratch,
  });
  return server.url;
}

/** A Postgres server (administrator's login); started for this process when the environment names none. */
export async function testPostgresUrl(): Promise<string> {
  const named = process.env.WATERSHED_TEST_POSTGRES_URL;
  if (named) return named;
  postgres ??= ownPostgres();
  return postgres;
}

/** A Redis server; started for this process when the environment names none. */
export async function testRedisUrl(): Promise<string> {
  const named = process.env.WATERSHED_TEST_REDIS_URL;
  if (named) return named;
  redis ??= ownRedis();
  return redis;
}
