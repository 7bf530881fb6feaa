import { randomUUID } from 'node:crypto';
import { jest } from '@jest/globals';
import { Redis } from 'ioredis';
import { Registry } from 'prom-client';
import { z } from 'zod';
import { type BusMethod, defineBroadcast, defineMethod, type ServiceName } from '#contracts';
import { isWatershedError, WatershedError } from '#errors';
import { entryOf, eventually, testLogger } from '#testing';
import { Bus } from './bus.js';
import { BusStand } from './testing/bus-stand.js';

const echo = defineMethod({
  name: 'toll-echo',
  service: 'toll',
  request: z.object({ text: z.string().max(100), more: z.number().default(7) }),
  response: z.object({ text: z.string(), by: z.string().default('nobody') }),
  callers: ['gateway'],
  idempotent: true,
  timeoutMs: 2_000,
});
const once: BusMethod<typeof echo.request, typeof echo.response> = { ...echo, name: 'toll-once', idempotent: false };
const announced = defineBroadcast({ name: 'announced', payload: z.object({ n: z.number() }), senders: ['toll'] });

const id = (letter: string): string => letter.repeat(43);
const gateway: [string, ServiceName] = [id('g'), 'gateway'];
const toll1: [string, ServiceName] = [id('t'), 'toll'];
const toll2: [string, ServiceName] = [id('u'), 'toll'];
const stranger: [string, ServiceName] = [id('s'), 'pod-host'];

// Every wait below has a deadline of its own; this one is for a machine that does much else meanwhile.
jest.setTimeout(30_000);

describe('the bus', () => {
  let stand: BusStand;

  beforeAll(async () => {
    stand = await BusStand.start();
  });
  afterAll(() => stand.close());
  afterEach(() => stand.clear());

  async function join(who: [string, ServiceName], redisUrl = stand.redis.url): Promise<Bus> {
    stand.roll.add(...who);
    return stand.connect(...who, { redisUrl });
  }

  const publish = (segments: readonly string[], message: object) => stand.publish(segments, message);
  const failure = (call: Promise<unknown>): Promise<WatershedError> =>
    call.then(
      () => Promise.reject(new Error('it was answered')),
      (error: unknown) => (isWatershedError(error) ? error : Promise.reject(error)),
    );

  it('carries a call to the node named and its parsed answer back', async () => {
    const [caller, callee] = [await join(gateway), await join(toll1)];
    callee.handle(echo, async (request, from) => ({ text: `${request.text} ${request.more} ${from.services[0]}` }));
    await expect(caller.call(echo, { text: 'hello' }, { to: toll1[0] })).resolves.toEqual({
      text: 'hello 7 gateway',
      by: 'nobody',
    });
  });

  it('refuses a request that does not fit before anything crosses', async () => {
    const caller = await join(gateway);
    await join(toll1);
    const error = await failure(caller.call(echo, { text: 'x'.repeat(101) }));
    expect(error.code).toBe('invalid_request');
    expect(error.details?.path).toBe('text');
  });

  it('carries a refusal with its details, and keeps the text of an unexpected error inside', async () => {
    const [caller, callee] = [await join(gateway), await join(toll1)];
    callee.handle(echo, () => {
      throw new WatershedError('purse_empty', 'The purse is empty.', { details: { have: 1 }, retryAfterMs: 5 });
    });
    callee.handle(once, () => {
      throw new Error('password is hunter2');
    });
    const refused = await failure(caller.call(echo, { text: '' }));
    expect(refused.toWire()).toEqual({
      code: 'purse_empty',
      message: 'The purse is empty.',
      details: { have: 1 },
      retryAfterMs: 5,
    });
    const broken = await failure(caller.call(once, { text: '' }));
    expect(broken.code).toBe('internal');
    expect(broken.message).not.toContain('hunter2');
  });

  it('refuses a caller whose services the catalogue does not list, and one that nobody knows', async () => {
    const [pod, callee] = [await join(stranger), await join(toll1)];
    let ran = 0;
    callee.handle(echo, () => {
      ran += 1;
      return { text: '' };
    });
    expect((await failure(pod.call(echo, { text: '' }))).code).toBe('caller_not_allowed');
    const unknown = await join([id('z'), 'gateway']);
    stand.roll.entries.delete(id('z'));
    expect((await failure(unknown.call(echo, { text: '' }))).code).toBe('caller_not_allowed');
    expect(ran).toBe(0);
  });

  it('lets only the node addressed execute, of two replicas', async () => {
    const [caller, one, two] = [await join(gateway), await join(toll1), await join(toll2)];
    const ran: [number, number] = [0, 0];
    one.handle(once, () => ({ text: String(++ran[0]) }));
    two.handle(once, () => ({ text: String(++ran[1]) }));
    for (let i = 0; i < 5; i++) await caller.call(once, { text: '' }, { to: toll2[0] });
    expect(ran).toEqual([0, 5]);
  });

  it('drops a channel of five segments, of other characters, or of another cluster', async () => {
    const callee = await join(toll1);
    let ran = 0;
    callee.handle(echo, () => ({ text: String(++ran) }));
    const call = { i: 'forged', n: 1, t: 1_000, s: 0, d: { text: '' } };
    const before = callee.droppedFor('channel_malformed');
    const received = await Promise.all([
      publish([stand.redis.clusterId, toll1[0], stranger[0], gateway[0], echo.name], call),
      publish([stand.redis.clusterId, toll1[0], `${gateway[0]}*`, echo.name], call),
      publish([stand.redis.clusterId, toll1[0], gateway[0], `${echo.name}.`], call),
      publish([stand.redis.clusterId, toll1[0], gateway[0], ''], call),
    ]);
    expect(received).toEqual([1, 1, 1, 1]);
    await eventually(() => callee.droppedFor('channel_malformed') === before + 4);
    expect(await publish([`${stand.redis.clusterId}x`, toll1[0], gateway[0], echo.name], call)).toBe(0);
    expect(ran).toBe(0);
  });

  it('counts a reply only from the node that was called, and only once', async () => {
    const [caller, callee] = [await join(gateway), await join(toll1)];
    await join(toll2);
    let seen: { i: string; n: number } | undefined;
    let release: () => void = () => undefined;
    const spy = new Redis(stand.redis.url);
    await spy.psubscribe(`${stand.redis.clusterId}:${toll1[0]}:*`);
    spy.on('pmessage', (_pattern, channel: string, text: string) => {
      if (channel.endsWith(echo.name)) seen = JSON.parse(text) as { i: string; n: number };
    });
    callee.handle(echo, async () => {
      await new Promise<void>((resolve) => {
        release = resolve;
      });
      return { text: 'true' };
    });
    const answer = caller.call(echo, { text: '' }, { to: toll1[0] });
    await eventually(() => seen !== undefined && callee.callsInFlight === 1);
    const forged = { i: seen?.i, n: seen?.n, d: { text: 'forged' } };
    await publish([stand.redis.clusterId, gateway[0], toll2[0], 'reply'], forged);
    await publish([stand.redis.clusterId, gateway[0], stranger[0], 'reply'], forged);
    await publish([stand.redis.clusterId, gateway[0], toll1[0], 'reply'], { ...forged, i: 'another' });
    await publish([stand.redis.clusterId, gateway[0], toll1[0], 'reply'], { ...forged, n: 999 });
    await eventually(() => caller.droppedFor('reply_unasked') === 4);
    release();
    await expect(answer).resolves.toEqual({ text: 'true', by: 'nobody' });
    await publish([stand.redis.clusterId, gateway[0], toll1[0], 'reply'], forged);
    await eventually(() => caller.droppedFor('reply_unasked') === 5);
    await spy.quit();
  });

  it('refuses a node that was expelled, whatever its services may call', async () => {
    const [caller, callee] = [await join(gateway), await join(toll1)];
    let ran = 0;
    callee.handle(echo, () => ({ text: String(++ran) }));
    await caller.call(echo, { text: '' }, { to: toll1[0] });
    stand.roll.entries.set(gateway[0], entryOf(...gateway, stand.redis.clusterId, { health: 'expelled' }));
    const error = await failure(caller.call(echo, { text: '' }, { to: toll1[0] }));
    expect([error.code, ran]).toEqual(['node_expelled', 1]);
  });

  it('executes a message that Redis delivered twice once', async () => {
    const callee = await join(toll1);
    stand.roll.add(...gateway);
    let ran = 0;
    callee.handle(once, () => ({ text: String(++ran) }));
    const message = { i: 'process1', n: 1, t: 1_000, s: 0, d: { text: '' } };
    const channel = [stand.redis.clusterId, toll1[0], gateway[0], once.name];
    await publish(channel, message);
    await publish(channel, message);
    await publish(channel, { ...message, n: 2 });
    await publish(channel, { ...message, n: 1 });
    await eventually(() => callee.droppedFor('duplicate') === 2);
    expect(ran).toBe(2);
  });

  it('never executes a call whose deadline has passed, by its own word or by how long it was under way', async () => {
    const callee = await join(toll1);
    stand.roll.add(...gateway);
    let ran = 0;
    callee.handle(once, () => ({ text: String(++ran) }));
    const channel = [stand.redis.clusterId, toll1[0], gateway[0], once.name];
    const call = { i: 'process1', d: { text: '' } };
    await publish(channel, { ...call, n: 1, t: 0, s: 10_000 });
    // The next was sent 3 s before another that took no time: it lay somewhere for longer than the 2 s it had.
    await publish(channel, { ...call, n: 2, t: 2_000, s: 10_000 });
    await publish(channel, { ...call, n: 3, t: 2_000, s: 7_000 });
    await eventually(() => callee.droppedFor('expired') === 2);
    expect(ran).toBe(1);
  });

  it('fails at once when nobody listens, and at the deadline when nobody answers', async () => {
    const [caller, callee] = [await join(gateway), await join(toll1)];
    stand.roll.add(...toll2);
    const startedAt = performance.now();
    const gone = await failure(caller.call(once, { text: '' }, { to: toll2[0] }));
    expect(gone.code).toBe('node_unreachable');
    expect(performance.now() - startedAt).toBeLessThan(500);
    let abortedForCallee = false;
    callee.handle(once, async (_request, from) => {
      await new Promise<void>((resolve) => from.signal.addEventListener('abort', () => resolve()));
      abortedForCallee = true;
      return { text: 'late' };
    });
    const silent = await failure(caller.call(once, { text: '' }, { to: toll1[0], timeoutMs: 150 }));
    expect(silent.code).toBe('deadline_exceeded');
    await eventually(() => abortedForCallee);
  });

  it('fails over to another node only where the method is idempotent', async () => {
    const caller = await join(gateway);
    const two = await join(toll2);
    stand.roll.add(...toll1);
    two.handle(echo, () => ({ text: 'two' }));
    two.handle(once, () => ({ text: 'two' }));
    stand.roll.entries.delete(toll2[0]);
    stand.roll.add(...toll2);
    const first = stand.roll.find('toll')[0]?.nodeId;
    expect(first).toBe(toll1[0]);
    const random = jest.spyOn(Math, 'random').mockReturnValue(0);
    try {
      await expect(caller.call(echo, { text: '' })).resolves.toEqual({ text: 'two', by: 'nobody' });
      expect((await failure(caller.call(once, { text: '' }))).code).toBe('node_unreachable');
    } finally {
      random.mockRestore();
    }
    stand.roll.entries.clear();
    expect((await failure(caller.call(echo, { text: '' }))).code).toBe('no_node_available');
  });

  it('notices that a node died with a call in hand, long before the deadline', async () => {
    const [caller, callee] = [await join(gateway), await join(toll1)];
    callee.handle(once, () => new Promise(() => undefined));
    const startedAt = performance.now();
    const answer = failure(caller.call(once, { text: '' }, { timeoutMs: 10_000 }));
    await eventually(() => callee.callsInFlight === 1);
    await callee.close();
    expect((await answer).code).toBe('node_unreachable');
    expect(performance.now() - startedAt).toBeLessThan(3_000);
  });

  it('tells the callee when the caller cancels, and gives the caller its own reason', async () => {
    const [caller, callee] = [await join(gateway), await join(toll1)];
    let stopped = false;
    callee.handle(once, async (_request, from) => {
      await new Promise<void>((resolve) => from.signal.addEventListener('abort', () => resolve()));
      stopped = true;
      return { text: '' };
    });
    const controller = new AbortController();
    const answer = caller.call(once, { text: '' }, { signal: controller.signal, timeoutMs: 30_000 });
    await eventually(() => callee.callsInFlight === 1);
    const reason = new Error('the client hung up');
    controller.abort(reason);
    await expect(answer).rejects.toBe(reason);
    await eventually(() => stopped);
  });

  it('drains: finishes what runs, refuses what comes, which goes elsewhere if it may', async () => {
    const [caller, one, two] = [await join(gateway), await join(toll1), await join(toll2)];
    let release: () => void = () => undefined;
    one.handle(once, async () => {
      await new Promise<void>((resolve) => {
        release = resolve;
      });
      return { text: 'finished' };
    });
    for (const bus of [one, two]) bus.handle(echo, () => ({ text: bus.identity.nodeId }));
    const running = caller.call(once, { text: '' }, { to: toll1[0] });
    await eventually(() => one.callsInFlight === 1);
    const drained = one.drain();
    expect((await failure(caller.call(echo, { text: '' }, { to: toll1[0] }))).code).toBe('shutting_down');
    for (let i = 0; i < 5; i++)
      await expect(caller.call(echo, { text: '' })).resolves.toMatchObject({ text: toll2[0] });
    release();
    await expect(running).resolves.toMatchObject({ text: 'finished' });
    await drained;
  });

  it('aborts what it still executes when it is closed', async () => {
    const [caller, callee] = [await join(gateway), await join(toll1)];
    let aborted = false;
    callee.handle(once, async (_request, { signal }) => {
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
      aborted = true;
      return { text: '' };
    });
    const answer = failure(caller.call(once, { text: '' }, { timeoutMs: 30_000 }));
    await eventually(() => callee.callsInFlight === 1);
    await callee.close();
    await eventually(() => aborted);
    expect((await answer).code).toBe('node_unreachable');
  });

  it('delivers a broadcast to the others, from those alone who may send it', async () => {
    const [caller, one] = [await join(gateway), await join(toll1)];
    const heard: [number, string][] = [];
    const stop = caller.on(announced, ({ n }, from) => heard.push([n, from]));
    const own: number[] = [];
    one.on(announced, ({ n }) => own.push(n));
    await one.broadcast(announced, { n: 1 });
    await caller.broadcast(announced, { n: 2 });
    await publish([stand.redis.clusterId, 'all', stranger[0], announced.name], { i: 'x', s: 1, d: { n: 3 } });
    await publish([stand.redis.clusterId, 'all', toll1[0], announced.name], { i: 'x', s: 1, d: { n: 'four' } });
    await eventually(
      () => caller.droppedFor('sender_not_allowed') === 1 && caller.droppedFor('message_malformed') === 1,
    );
    expect(heard).toEqual([[1, toll1[0]]]);
    expect(own).toEqual([]);
    stop();
    await one.broadcast(announced, { n: 5 });
    await one.broadcast(announced, { n: 6 });
    expect(heard).toHaveLength(1);
  });

  it('refuses to start where Redis is not there, within its time', async () => {
    const startedAt = performance.now();
    const connecting = Bus.connect({
      redisUrl: 'redis://127.0.0.1:1',
      identity: { clusterId: stand.redis.clusterId, nodeId: id('a'), services: ['toll'] },
      directory: stand.roll,
      logger: testLogger(),
      metrics: { registry: new Registry() },
      connectTimeoutMs: 300,
    });
    expect((await failure(connecting)).code).toBe('bus_unavailable');
    expect(performance.now() - startedAt).toBeLessThan(2_000);
  });

  it('leaves no connection open where it may not hear what it is sent', async () => {
    const name = `deaf-${randomUUID()}`;
    await stand.raw.call('ACL', 'SETUSER', name, 'on', '>word', '+@all', '~*', 'resetchannels');
    try {
      const { host } = new URL(stand.redis.url);
      const redisUrl = `redis://${name}:word@${host}`;
      const connecting = stand.connect(id('a'), 'toll', { redisUrl, connectTimeoutMs: 500 });
      const connected = () => stand.raw.client('LIST').then((list) => String(list).includes(`user=${name}`));
      await eventually(connected);
      expect((await failure(connecting)).code).toBe('bus_unavailable');
      await eventually(async () => !(await connected()));
    } finally {
      await stand.raw.call('ACL', 'DELUSER', name);
    }
  });
});
