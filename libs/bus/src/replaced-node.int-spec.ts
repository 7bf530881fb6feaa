import { type ChildProcess, spawn } from 'node:child_process';
import { jest } from '@jest/globals';
import { Redis } from 'ioredis';
import { z } from 'zod';
import { defineMethod, type ServiceName } from '#contracts';
import { isWatershedError } from '#errors';
import { eventually } from '#testing';
import { Bus } from './bus.js';
import { type NodeDirectory, type NodeRouter, routerOver } from './node-directory.port.js';
import { BusStand } from './testing/bus-stand.js';

const safe = defineMethod({
  name: 'toll-safe',
  service: 'toll',
  request: z.object({ n: z.number() }),
  response: z.object({ n: z.number() }),
  callers: ['gateway'],
  idempotent: true,
  timeoutMs: 20_000,
});
const unsafe = { ...safe, name: 'toll-unsafe', idempotent: false };

const gatewayId = 'g'.repeat(43);
const tollId = 't'.repeat(43);
const strangerId = 's'.repeat(43);
/** Two intervals of the probe, and much for a machine that does much else. */
const soonMs = 5_000;

// Every wait below has a deadline of its own; this one is for a machine that does much else meanwhile.
jest.setTimeout(30_000);

describe('a node whose process is replaced', () => {
  let stand: BusStand;
  let children: ChildProcess[];

  beforeAll(async () => {
    stand = await BusStand.start();
  });
  afterAll(() => stand.close());
  beforeEach(() => {
    stand.roll.add(tollId, 'toll').add(gatewayId, 'gateway');
    children = [];
  });
  afterEach(async () => {
    await Promise.all([...children.map(kill), stand.clear()]);
  });

  const join = (nodeId: string, service: ServiceName, directory: NodeDirectory = stand.roll) =>
    stand.connect(nodeId, service, { directory });

  /** A process that listens as toll and answers nothing; `taken` counts the calls that it has in hand. */
  async function doomedToll(): Promise<{ taken: () => number; die: () => Promise<void> }> {
    const code = `
      import { Redis } from 'ioredis';
      const redis = new Redis(process.env.BUS_REDIS_URL);
      redis.on('pmessage', (_pattern, channel) => console.log(channel.includes(':toll-') ? 'taken' : 'other'));
      await redis.psubscribe(process.env.BUS_INBOX);
      console.log('listening');`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
      env: {
        PATH: process.env.PATH,
        BUS_REDIS_URL: stand.redis.url,
        BUS_INBOX: `${stand.redis.clusterId}:${tollId}:*`,
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.push(child);
    let said = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      said += String(chunk);
    });
    await eventually(() => said.includes('listening'), { timeoutMs: 10_000 });
    return { taken: () => said.split('taken').length - 1, die: () => kill(child) };
  }

  /** In the hands of a toll that is killed with it, and of which the next process listens before any probe. */
  async function replaced(calls: () => Promise<unknown>[]): Promise<{ calls: Promise<unknown>[]; toll: Bus }> {
    const doomed = await doomedToll();
    const made = calls();
    await eventually(() => doomed.taken() === made.length);
    await doomed.die();
    return { calls: made, toll: await join(tollId, 'toll') };
  }

  const outcomeOf = (call: Promise<unknown>): Promise<unknown> =>
    call.catch((error: unknown) => (isWatershedError(error) ? error.code : Promise.reject(error)));

  it('loses no idempotent call, and holds none until its deadline', async () => {
    const caller = await join(gatewayId, 'gateway');
    const startedAt = performance.now();
    const ran: number[] = [];
    const { calls, toll } = await replaced(() => [
      outcomeOf(caller.call(safe, { n: 1 })),
      outcomeOf(caller.call(safe, { n: 2 }, { to: tollId })),
      outcomeOf(caller.call(unsafe, { n: 3 })),
    ]);
    for (const method of [safe, unsafe]) {
      toll.handle(method, ({ n }) => {
        ran.push(n);
        return { n };
      });
    }
    await expect(Promise.all(calls)).resolves.toEqual([{ n: 1 }, { n: 2 }, 'node_unreachable']);
    expect(performance.now() - startedAt).toBeLessThan(soonMs);
    expect(ran.sort()).toEqual([1, 2]);
  });

  it('is told by any number of lost calls at once, and those that its new process has are left to it', async () => {
    const caller = await join(gatewayId, 'gateway');
    const count = 1_500;
    const { calls, toll } = await replaced(() =>
      Array.from({ length: count }, (_, n) => outcomeOf(caller.call(unsafe, { n }))),
    );
    const finish: (() => void)[] = [];
    toll.handle(safe, async ({ n }) => {
      await new Promise<void>((resolve) => finish.push(resolve));
      return { n };
    });
    const kept = caller.call(safe, { n: 7 });
    await expect(Promise.all(calls)).resolves.toEqual(Array(count).fill('node_unreachable'));
    // Asked about as long as the others were, and some times more.
    await questions(4);
    expect(finish).toHaveLength(1);
    finish[0]?.();
    await expect(kept).resolves.toEqual({ n: 7 });
  });

  /**
   * Resolves when the gateway has asked toll so often what it has in hand; the last question. Read off Redis's commands,
   * for a subscriber would count as another toll.
   */
  async function questions(count: number): Promise<{ i: string; p: number; n: number[] }> {
    const monitor = await stand.raw.monitor();
    const heard: string[] = [];
    monitor.on('monitor', (_time: string, [, channel, text = '']: string[]) => {
      if (channel === `${stand.redis.clusterId}:${tollId}:${gatewayId}:ping`) heard.push(text);
    });
    await eventually(() => heard.length >= count, { timeoutMs: 10_000 });
    monitor.disconnect();
    return JSON.parse(heard.at(-1) ?? '');
  }

  it('is not taken for lost while an earlier process drains, or another claims its id', async () => {
    const [caller, earlier] = [await join(gatewayId, 'gateway'), await join(tollId, 'toll')];
    let finish: () => void = () => undefined;
    earlier.handle(unsafe, async ({ n }) => {
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
      return { n };
    });
    const call = caller.call(unsafe, { n: 1 });
    await eventually(() => earlier.callsInFlight === 1);
    const drained = earlier.drain();
    await join(tollId, 'toll');
    const denials = new Redis(stand.redis.url);
    let denied = 0;
    denials.on('message', () => {
      denied += 1;
    });
    await denials.subscribe(`${stand.redis.clusterId}:${gatewayId}:${tollId}:missing`);
    // The later process says, truly, that it never had the call.
    await eventually(() => denied >= 3, { timeoutMs: 10_000 });
    await denials.quit();
    finish();
    await expect(call).resolves.toEqual({ n: 1 });
    await drained;
  });

  it('keeps a call whose caller it still asks about, and one from a process that it remembers no more', async () => {
    let tell: () => void = () => undefined;
    const told = new Promise<void>((resolve) => {
      tell = resolve;
    });
    const slow: NodeRouter = {
      ...routerOver(stand.roll),
      get: () => undefined,
      resolve: (nodeId) => told.then(() => stand.roll.get(nodeId)),
    };
    const [caller, toll] = [await join(gatewayId, 'gateway'), await join(tollId, 'toll', slow)];
    let finish: (() => void) | undefined;
    toll.handle(unsafe, async ({ n }) => {
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
      return { n };
    });
    const call = caller.call(unsafe, { n: 1 });
    await questions(4);
    tell();
    await eventually(() => finish !== undefined);
    const others = ['one', 'two', 'three', 'four'];
    for (const i of others) {
      const stale = JSON.stringify({ i, n: 1, t: 0, s: 1, d: { n: 1 } });
      await stand.raw.publish(`${stand.redis.clusterId}:${tollId}:${gatewayId}:${unsafe.name}`, stale);
    }
    await eventually(() => toll.droppedFor('expired') === others.length);
    await questions(4);
    finish?.();
    await expect(call).resolves.toEqual({ n: 1 });
  });

  it('loses the call that the earlier process leaves behind when it ends', async () => {
    const [caller, earlier] = [await join(gatewayId, 'gateway'), await join(tollId, 'toll')];
    earlier.handle(safe, () => new Promise(() => undefined));
    const call = caller.call(safe, { n: 1 });
    await eventually(() => earlier.callsInFlight === 1);
    const later = await join(tollId, 'toll');
    later.handle(safe, ({ n }) => ({ n: n + 1 }));
    await earlier.close();
    await expect(call).resolves.toEqual({ n: 2 });
  });

  it('has a call that kills it no more than twice', async () => {
    const caller = await join(gatewayId, 'gateway');
    const {
      calls: [call],
      toll: second,
    } = await replaced(() => [outcomeOf(caller.call(safe, { n: 1 }, { to: tollId }))]);
    let runs = 0;
    second.handle(safe, () => {
      runs += 1;
      return new Promise(() => undefined);
    });
    await eventually(() => runs === 1);
    const third = await join(tollId, 'toll');
    third.handle(safe, ({ n }) => {
      runs += 1;
      return { n };
    });
    await second.close();
    expect(await call).toBe('node_unreachable');
    expect(runs).toBe(1);
  });

  it('alone says what it has lost: neither another node, nor of another process’s calls, nor unasked', async () => {
    const [caller, toll] = [await join(gatewayId, 'gateway'), await join(tollId, 'toll')];
    let finish: () => void = () => undefined;
    toll.handle(unsafe, async ({ n }) => {
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
      return { n };
    });
    const call = caller.call(unsafe, { n: 1 });
    await eventually(() => toll.callsInFlight === 1);
    const asked = await questions(1);
    expect(asked.n).toEqual([1]);
    const say = (from: string, message: object): Promise<number> =>
      stand.raw.publish(
        `${stand.redis.clusterId}:${gatewayId}:${from}:missing`,
        JSON.stringify({ ...asked, ...message }),
      );
    const before = { unasked: caller.droppedFor('reply_unasked'), malformed: caller.droppedFor('message_malformed') };
    for (let p = 1; p <= 40; p++) await say(strangerId, { p });
    for (let p = 1; p <= 40; p++) await say(tollId, { p, i: 'another' });
    for (let p = 1_000; p <= 1_040; p++) await say(tollId, { p });
    await say(tollId, { n: [] });
    await eventually(
      () =>
        caller.droppedFor('reply_unasked') === before.unasked + 121 &&
        caller.droppedFor('message_malformed') === before.malformed + 1,
    );
    finish();
    await expect(call).resolves.toEqual({ n: 1 });
  });
});

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
}
