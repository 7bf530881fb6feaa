import { jest } from '@jest/globals';
import { Registry } from 'prom-client';
import { z } from 'zod';
import { defineMethod, type ServiceName } from '#contracts';
import { isWatershedError } from '#errors';
import { eventually, leakCheck, RestartingRedis, TestDirectory, testLogger } from '#testing';
import { Bus } from './bus.js';

const safe = defineMethod({
  name: 'toll-safe',
  service: 'toll',
  request: z.object({ n: z.number() }),
  response: z.object({ n: z.number() }),
  callers: ['gateway'],
  idempotent: true,
  timeoutMs: 10_000,
});
const unsafe = { ...safe, name: 'toll-unsafe', idempotent: false };

// Every wait below has a deadline of its own; this one is for a machine that does much else meanwhile.
jest.setTimeout(30_000);

describe('the bus when Redis goes', () => {
  const clusterId = 'c'.repeat(43);
  const tollId = 't'.repeat(43);
  const gatewayId = 'g'.repeat(43);
  let redis: RestartingRedis;
  let caller: Bus;
  let callee: Bus;
  let leaks: ReturnType<typeof leakCheck>;

  const join = (nodeId: string, service: ServiceName): Promise<Bus> =>
    Bus.connect({
      redisUrl: redis.url,
      identity: { clusterId, nodeId, services: [service] },
      directory: new TestDirectory(clusterId).add(tollId, 'toll').add(gatewayId, 'gateway'),
      logger: testLogger(),
      metrics: { registry: new Registry() },
    });

  beforeAll(() => {
    leaks = leakCheck();
  });

  beforeEach(async () => {
    redis = await RestartingRedis.open();
    caller = await join(gatewayId, 'gateway');
    callee = await join(tollId, 'toll');
  }, 60_000);

  afterEach(async () => {
    await Promise.all([caller.close(), callee.close()]);
    await redis.close();
  });

  afterAll(() => leaks.expectNothingLeft());

  const codeOf = (call: Promise<unknown>): Promise<string> =>
    call.then(
      () => 'answered',
      (error: unknown) => (isWatershedError(error) ? error.code : String(error)),
    );

  it('fails a pending call at once when it may not be repeated, and repeats one that may, in its deadline', async () => {
    let runs = 0;
    let hold = true;
    for (const method of [safe, unsafe]) {
      callee.handle(method, async ({ n }, { signal }) => {
        runs += 1;
        if (hold) await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
        return { n };
      });
    }
    const repeated = caller.call(safe, { n: 1 });
    const once = codeOf(caller.call(unsafe, { n: 2 }));
    await eventually(() => runs === 2);
    const lostAt = performance.now();
    await redis.stop();
    expect(await once).toBe('bus_unavailable');
    expect(performance.now() - lostAt).toBeLessThan(2_000);
    expect(caller.status).toBe('reconnecting');
    hold = false;
    await redis.start();
    await expect(repeated).resolves.toEqual({ n: 1 });
    expect(runs).toBe(3);
  });

  it('lets new calls wait for the connection, within their deadline', async () => {
    callee.handle(unsafe, ({ n }) => ({ n }));
    const seen: string[] = [];
    caller.onStatus((status) => seen.push(status));
    await redis.stop();
    await eventually(() => caller.status === 'reconnecting');
    const startedAt = performance.now();
    expect(await codeOf(caller.call(unsafe, { n: 1 }, { timeoutMs: 200 }))).toBe('bus_unavailable');
    expect(performance.now() - startedAt).toBeLessThan(400);
    const controller = new AbortController();
    const aborted = codeOf(caller.call(unsafe, { n: 2 }, { signal: controller.signal }));
    controller.abort('gone');
    expect(await aborted).toBe('gone');
    const waiting = Promise.all([3, 4, 5].map((n) => caller.call(unsafe, { n })));
    await redis.start();
    await expect(waiting).resolves.toEqual([{ n: 3 }, { n: 4 }, { n: 5 }]);
    expect(seen).toEqual(['reconnecting', 'connected']);
  });

  it('lets the event loop turn while a connection that can no longer be written to is not yet closed', async () => {
    callee.handle(unsafe, ({ n }) => ({ n }));
    callee.handle(safe, ({ n }) => ({ n }));
    let turned = false;
    setTimeout(() => {
      turned = true;
    });
    caller.redis.stream.end();
    let calls = 0;
    while (!turned && calls < 5_000) {
      calls += 1;
      await codeOf(caller.call(unsafe, { n: calls }));
    }
    expect(turned).toBe(true);
    await expect(caller.call(safe, { n: 1 })).resolves.toEqual({ n: 1 });
  });

  it('gives an answer that was ready while the connection was away to nobody, and hangs nobody', async () => {
    let finish: () => void = () => undefined;
    callee.handle(unsafe, async ({ n }) => {
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
      return { n };
    });
    const call = codeOf(caller.call(unsafe, { n: 1 }));
    await eventually(() => callee.callsInFlight === 1);
    await redis.stop();
    expect(await call).toBe('bus_unavailable');
    await eventually(() => callee.status === 'reconnecting');
    finish();
    await eventually(() => callee.callsInFlight === 0);
    await redis.start();
    // The callee publishes it when it is back; whether the caller listens again by then or not, it asked for nothing.
    await eventually(() => caller.status === 'connected' && callee.status === 'connected');
    callee.handle(safe, ({ n }) => ({ n }));
    await expect(caller.call(safe, { n: 2 })).resolves.toEqual({ n: 2 });
  });

  it('survives a restart in the middle of a stream of calls: each is answered once or refused by name', async () => {
    const ran = new Map<number, number>();
    for (const method of [safe, unsafe]) {
      callee.handle(method, ({ n }) => {
        ran.set(n, (ran.get(n) ?? 0) + 1);
        return { n };
      });
    }
    let stop = false;
    const outcomes: { n: number; outcome: string }[] = [];
    const lane = async (first: number): Promise<void> => {
      for (let n = first; !stop; n += 8) {
        const outcome = await codeOf(caller.call(n % 2 === 0 ? safe : unsafe, { n }));
        outcomes.push({ n, outcome });
      }
    };
    const lanes = Array.from({ length: 8 }, (_, i) => lane(i));
    try {
      await eventually(() => outcomes.length > 200);
      await redis.stop();
      await redis.start();
      await eventually(() => caller.status === 'connected' && callee.status === 'connected');
      const after = outcomes.length;
      await eventually(() => outcomes.length > after + 200);
    } finally {
      stop = true;
    }
    await Promise.all(lanes);
    const refused = outcomes.filter(({ outcome }) => outcome !== 'answered');
    expect(refused.filter(({ n }) => n % 2 === 0)).toEqual([]);
    expect(new Set(refused.map(({ outcome }) => outcome))).toEqual(
      new Set(refused.length > 0 ? ['bus_unavailable'] : []),
    );
    for (const { n } of outcomes.filter((each) => each.n % 2 === 1)) expect(ran.get(n) ?? 0).toBeLessThanOrEqual(1);
  }, 15_000);
});
