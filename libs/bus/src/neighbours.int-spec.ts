import { jest } from '@jest/globals';
import { z } from 'zod';
import { defineBroadcast, defineMethod, type ServiceName } from '#contracts';
import { isWatershedError } from '#errors';
import { entryOf, eventually } from '#testing';
import type { Bus } from './bus.js';
import { Neighbours } from './neighbours.js';
import { BusStand } from './testing/bus-stand.js';

const echo = defineMethod({
  name: 'toll-echo',
  service: 'toll',
  request: z.object({ n: z.number() }),
  response: z.object({ n: z.number() }),
  callers: ['gateway'],
  idempotent: false,
  timeoutMs: 2_000,
});
const announced = defineBroadcast({ name: 'announced', payload: z.object({ n: z.number() }), senders: ['toll'] });

const gatewayId = 'g'.repeat(43);
const tollId = 't'.repeat(43);
const awayId = 'u'.repeat(43);
const podId = 'p'.repeat(43);

// Every wait below has a deadline of its own; this one is for a machine that does much else meanwhile.
jest.setTimeout(30_000);

describe('nodes of one process', () => {
  let stand: BusStand;
  let neighbours: Neighbours;

  beforeAll(async () => {
    stand = await BusStand.start();
  });
  afterAll(() => stand.close());
  beforeEach(() => {
    neighbours = new Neighbours();
  });
  afterEach(() => stand.clear());

  function join(nodeId: string, service: ServiceName, apart = false): Promise<Bus> {
    stand.roll.add(nodeId, service);
    return stand.connect(nodeId, service, apart ? {} : { neighbours });
  }
  async function answering(nodeId: string, apart = false): Promise<Bus> {
    const toll = await join(nodeId, 'toll', apart);
    toll.handle(echo, ({ n }) => ({ n: n + 1 }));
    return toll;
  }
  const codeOf = (call: Promise<unknown>): Promise<unknown> =>
    call.then(
      () => 'answered',
      (error: unknown) => (isWatershedError(error) ? error.code : Promise.reject(error)),
    );
  const published = async (): Promise<number> => {
    const stats = await stand.raw.info('commandstats');
    return Number(/cmdstat_publish:calls=(\d+)/.exec(stats)?.[1] ?? 0);
  };

  it('call each other without a word to Redis, and others by it', async () => {
    const caller = await join(gatewayId, 'gateway');
    await answering(tollId);
    await answering(awayId, true);
    const before = await published();
    await expect(caller.call(echo, { n: 1 }, { to: tollId })).resolves.toEqual({ n: 2 });
    expect(await published()).toBe(before);
    await expect(caller.call(echo, { n: 2 }, { to: awayId })).resolves.toEqual({ n: 3 });
    expect(await published()).toBe(before + 2);
  });

  it('are of one cluster only where the channel says so', async () => {
    const caller = await join(gatewayId, 'gateway');
    await answering(tollId, true);
    // The same node id in another cluster, in the same process.
    neighbours.enter({ clusterId: `${stand.redis.clusterId}x`, nodeId: tollId }, () => {
      throw new Error('it was handed to another cluster');
    });
    await expect(caller.call(echo, { n: 1 }, { to: tollId })).resolves.toEqual({ n: 2 });
  });

  it('are judged as strangers are', async () => {
    const caller = await join(gatewayId, 'gateway');
    const pod = await join(podId, 'pod-host');
    let ran = 0;
    (await join(tollId, 'toll')).handle(echo, ({ n }) => {
      ran += 1;
      return { n };
    });
    expect(await codeOf(pod.call(echo, { n: 1 }))).toBe('caller_not_allowed');
    stand.roll.entries.set(gatewayId, entryOf(gatewayId, 'gateway', stand.redis.clusterId, { health: 'expelled' }));
    expect(await codeOf(caller.call(echo, { n: 1 }))).toBe('node_expelled');
    expect(ran).toBe(0);
  });

  it('never run within the call of another', async () => {
    const caller = await join(gatewayId, 'gateway');
    const order: string[] = [];
    (await join(tollId, 'toll')).handle(echo, ({ n }) => {
      order.push('runs');
      return { n };
    });
    const call = caller.call(echo, { n: 1 });
    order.push('called');
    await call;
    expect(order).toEqual(['called', 'runs']);
  });

  it('hear of a caller that gave up', async () => {
    const caller = await join(gatewayId, 'gateway');
    let given: AbortSignal | undefined;
    (await join(tollId, 'toll')).handle(echo, async ({ n }, { signal }) => {
      given = signal;
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      return { n };
    });
    const gaveUp = new AbortController();
    const call = caller.call(echo, { n: 1 }, { signal: gaveUp.signal });
    await eventually(() => given !== undefined);
    gaveUp.abort(new Error('enough'));
    await expect(call).rejects.toThrow('enough');
    await eventually(() => given?.aborted === true);
  });

  it('announce to all by Redis, so that nobody hears twice', async () => {
    const toll = await join(tollId, 'toll');
    const heard: string[] = [];
    (await join(gatewayId, 'gateway')).on(announced, ({ n }) => heard.push(`near ${n}`));
    (await join(awayId, 'gateway', true)).on(announced, ({ n }) => heard.push(`far ${n}`));
    await toll.broadcast(announced, { n: 1 });
    await toll.broadcast(announced, { n: 2 });
    await eventually(() => heard.includes('near 2') && heard.includes('far 2'));
    expect([...heard].sort()).toEqual(['far 1', 'far 2', 'near 1', 'near 2']);
  });

  it('are gone for one another when they close, and may come again', async () => {
    const caller = await join(gatewayId, 'gateway');
    const toll = await answering(tollId);
    await toll.close();
    expect(await codeOf(caller.call(echo, { n: 1 }, { to: tollId }))).toBe('node_unreachable');
    await answering(tollId);
    await expect(caller.call(echo, { n: 1 }, { to: tollId })).resolves.toEqual({ n: 2 });
  });

  it('say nothing to one another without a connection of their own: an expelled one has lost its login', async () => {
    const caller = await join(gatewayId, 'gateway');
    await answering(tollId);
    // As when governance takes a login away: the connection ends, and none comes back.
    caller.redis.disconnect();
    await eventually(() => caller.status !== 'connected');
    expect(await codeOf(caller.call(echo, { n: 1 }, { to: tollId, timeoutMs: 200 }))).toBe('bus_unavailable');
  });

  it('are gone for one another without a connection of their own: who cannot answer is not asked', async () => {
    const caller = await join(gatewayId, 'gateway');
    const login = new URL(stand.redis.url);
    login.username = 'expelled';
    login.password = 'of-this-test';
    await stand.raw.call('ACL', 'SETUSER', login.username, 'on', `>${login.password}`, '+@all', '~*', '&*');
    stand.roll.add(tollId, 'toll');
    const toll = await stand.connect(tollId, 'toll', { neighbours, redisUrl: login.href });
    let ran = 0;
    toll.handle(echo, ({ n }) => {
      ran += 1;
      return { n };
    });
    await expect(caller.call(echo, { n: 1 }, { to: tollId })).resolves.toEqual({ n: 1 });
    await stand.raw.call('ACL', 'DELUSER', login.username);
    await eventually(() => toll.status !== 'connected');
    expect(await codeOf(caller.call(echo, { n: 2 }, { to: tollId }))).toBe('node_unreachable');
    expect(ran).toBe(1);
  });
});
