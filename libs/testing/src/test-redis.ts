import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import { testRedisUrl } from './test-services.js';

export interface TestRedis {
  readonly url: string;
  /** A cluster id that no other test has: every key and channel of the suite carries it. */
  readonly clusterId: string;
  /** Keys that carry the cluster id and are still there. */
  keys(): Promise<readonly string[]>;
  /** Deletes those keys. */
  close(): Promise<void>;
}

async function keysOf(redis: Redis, clusterId: string): Promise<string[]> {
  const found: string[] = [];
  for await (const page of redis.scanStream({ match: `*${clusterId}*`, count: 1_000 }))
    found.push(...(page as string[]));
  return found.sort();
}

/** A corner of Redis for one suite. Pub/sub ignores database numbers, so suites are kept apart by the cluster id. */
export async function testRedis(clusterId = randomBytes(32).toString('base64url')): Promise<TestRedis> {
  const url = await testRedisUrl();
  const once = async <Result>(run: (redis: Redis) => Promise<Result>): Promise<Result> => {
    const redis = new Redis(url, { lazyConnect: true, maxRetriesPerRequest: 1 });
    redis.on('error', () => undefined);
    await redis.connect();
    try {
      return await run(redis);
    } finally {
      redis.disconnect();
    }
  };
  return {
    url,
    clusterId,
    keys: () => once((redis) => keysOf(redis, clusterId)),
    close: () =>
      once(async (redis) => {
        const left = await keysOf(redis, clusterId);
        if (left.length > 0) await redis.unlink(...left);
      }),
  };
}
