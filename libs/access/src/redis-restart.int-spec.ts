import { Registry } from 'prom-client';
import { z } from 'zod';
import { Bus } from '#bus';
import { defineMethod, type ServiceName } from '#contracts';
import { eventually, leakCheck, RestartingRedis, TestDirectory, testLogger } from '#testing';
import { sha256Hex, withLogin } from './node-password.js';
import { RedisUsers } from './redis-users.js';

const echo = defineMethod({
  name: 'toll-echo',
  service: 'toll',
  request: z.object({ n: z.number() }),
  response: z.object({ n: z.number() }),
  callers: ['gateway'],
  idempotent: true,
  timeoutMs: 10_000,
});

describe('users when Redis restarts or is flushed', () => {
  const clusterId = 'c'.repeat(43);
  const nodes: readonly { nodeId: string; service: ServiceName }[] = [
    { nodeId: 'g'.repeat(43), service: 'gateway' },
    { nodeId: 't'.repeat(43), service: 'toll' },
  ];
  let redis: RestartingRedis;
  let users: RedisUsers;
  let buses: Bus[];
  let leaks: ReturnType<typeof leakCheck>;
  const runIds: string[] = [];

  const rebuild = (of: RedisUsers): Promise<void> =>
    of.rebuild(
      nodes.map(({ nodeId, service }) => ({ nodeId, services: [service], passwordSha256: sha256Hex(nodeId) })),
    );

  beforeAll(async () => {
    leaks = leakCheck();
    redis = await RestartingRedis.open('administrator');
    users = await RedisUsers.connect(redis.url, clusterId, (of, runId) => {
      runIds.push(runId);
      void rebuild(of);
    });
    await rebuild(users);
    const directory = new TestDirectory(clusterId);
    for (const { nodeId, service } of nodes) directory.add(nodeId, service);
    buses = await Promise.all(
      nodes.map(({ nodeId, service }) =>
        Bus.connect({
          redisUrl: withLogin(redis.url, nodeId, nodeId),
          identity: { clusterId, nodeId, services: [service] },
          directory,
          logger: testLogger(),
          metrics: { registry: new Registry() },
        }),
      ),
    );
    buses[1]?.handle(echo, ({ n }) => ({ n }));
  }, 60_000);
  afterAll(async () => {
    await Promise.all(buses.map((bus) => bus.close()));
    users.close();
    await redis.close();
    await leaks.expectNothingLeft();
  });

  it('are there again, and the nodes with them, without a hand', async () => {
    const [caller] = buses;
    await expect(caller?.call(echo, { n: 1 })).resolves.toEqual({ n: 1 });
    await redis.stop();
    await eventually(() => caller?.status === 'reconnecting');
    await redis.start();
    await expect(caller?.call(echo, { n: 2 })).resolves.toEqual({ n: 2 });
    expect(new Set(runIds).size).toBe(2);
    expect(await users.names()).toHaveLength(2);
  });

  it('outlive a flush of all keys', async () => {
    const { Redis } = await import('ioredis');
    const admin = new Redis(redis.url);
    await admin.flushall();
    await admin.quit();
    await expect(buses[0]?.call(echo, { n: 3 })).resolves.toEqual({ n: 3 });
  });
});
