import { Redis } from 'ioredis';
import { Registry } from 'prom-client';
import * as contracts from '#contracts';
import { type BusMethod, indexJoin, type ServiceName, serviceNames } from '#contracts';
import { WatershedError } from '#errors';
import { eventually, TestDirectory, type TestRedis, testLogger, testRedis } from '#testing';
import { Bus } from './bus.js';

const methods = (Object.values(contracts) as unknown[]).filter(
  (entry) => (entry as { kind?: string } | undefined)?.kind === 'method',
) as BusMethod[];
const calleeOf = (service: ServiceName): string => `callee-${service}`;
const callerOf = (service: ServiceName): string => `caller-${service}`;

/**
 * Every method of the catalogue, called by a node of every service and by one that the index does not know, with a request
 * that fits none. Who is refused by the catalogue never gets as far as having its request read.
 */
describe('who may call what', () => {
  let redis: TestRedis;
  let raw: Redis;
  let buses: Bus[];
  let listener: Redis;
  const answers = new Map<string, string>();
  let ran = 0;

  beforeAll(async () => {
    redis = await testRedis();
    raw = new Redis(redis.url);
    const callers = new TestDirectory(redis.clusterId);
    for (const service of serviceNames) callers.add(callerOf(service), service);
    buses = await Promise.all(
      serviceNames.map((service) =>
        Bus.connect({
          redisUrl: redis.url,
          identity: { clusterId: redis.clusterId, nodeId: calleeOf(service), services: [service] },
          directory: { find: () => [], get: (id) => callers.get(id) },
          logger: testLogger(),
          metrics: { registry: new Registry() },
        }),
      ),
    );
    for (const method of methods)
      buses[serviceNames.indexOf(method.service)]?.handle(method, () => {
        ran += 1;
        throw new WatershedError('conflict', 'It was executed.');
      });
    listener = raw.duplicate();
    await listener.psubscribe(`${redis.clusterId}:caller-*`);
    listener.on('pmessage', (_pattern, channel: string, text: string) => {
      const { i, e } = JSON.parse(text) as { i: string; e?: { code: string } };
      answers.set(`${channel.split(':')[1]} ${i}`, e?.code ?? 'answered');
    });
  });
  afterAll(async () => {
    await Promise.all(buses.map((bus) => bus.close()));
    await Promise.all([raw.quit(), listener.quit()]);
    await redis.close();
  });

  it('is decided by the callee, for each of them', async () => {
    const callers = [
      ...serviceNames.map((service) => [service, callerOf(service)] as const),
      [undefined, 'caller-unknown'] as const,
    ];
    const batch = raw.pipeline();
    for (const [at, { name, service }] of methods.entries())
      for (const [, from] of callers)
        batch.publish(
          [redis.clusterId, calleeOf(service), from, name].join(':'),
          JSON.stringify({ i: `m${at}`, n: 1, t: 10_000, s: 0, d: 'no request looks like this' }),
        );
    await batch.exec();
    await eventually(() => answers.size === methods.length * callers.length);
    for (const [at, method] of methods.entries())
      for (const [service, from] of callers) {
        // Anyone may knock at the index: it judges the manifest.
        const may = method.name === indexJoin.name || (service !== undefined && method.callers.includes(service));
        expect([method.name, from, answers.get(`${from} m${at}`)]).toEqual([
          method.name,
          from,
          may ? 'invalid_request' : 'caller_not_allowed',
        ]);
      }
    expect(ran).toBe(0);
  });
});
