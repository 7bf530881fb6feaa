import { jest } from '@jest/globals';
import { PostingSystem } from './posting.system.js';

const quiet = { onPosted: () => undefined, onExpired: () => undefined, onJump: () => undefined };

function setUp() {
  const log: string[] = [];
  const errors: unknown[] = [];
  let databaseMs = 1_000_000;
  let monotonicMs = 0;
  let failing = false;
  let blocksLeft = 0;
  const store = {
    postUsage: async (limit: number) => {
      if (failing) throw new Error('the database is away');
      const blocks = Math.min(limit, blocksLeft);
      blocksLeft -= blocks;
      log.push(`post ${blocks}`);
      return { blocks, transfers: blocks };
    },
    expire: async () => {
      log.push('expire');
      return { blocks: 0, holds: 0 };
    },
    extendBlocks: async () => {
      log.push('extend');
      return 3;
    },
    now: async () => new Date(databaseMs),
  };
  const system = new PostingSystem({
    ...quiet,
    store,
    postDelayMs: 500,
    sweepIntervalMs: 1_000,
    blockTtlMs: 60_000,
    monotonicMs: () => monotonicMs,
    onError: (error) => errors.push(error),
  });
  return {
    system,
    log,
    errors,
    pass: (ms: number, jumpMs = 0) => {
      monotonicMs += ms;
      databaseMs += ms + jumpMs;
    },
    fail: (now: boolean) => {
      failing = now;
    },
    owe: (blocks: number) => {
      blocksLeft = blocks;
    },
  };
}

describe('PostingSystem', () => {
  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => void jest.useRealTimers());

  it('posts once for many nudges, within its delay, and nothing when nobody nudges', async () => {
    const { system, log } = setUp();
    await jest.advanceTimersByTimeAsync(900);
    expect(log).toEqual([]);
    for (let n = 0; n < 50; n += 1) system.nudge();
    await jest.advanceTimersByTimeAsync(499);
    expect(log).toEqual([]);
    await jest.advanceTimersByTimeAsync(1);
    expect(log).toEqual(['post 0']);
    await system.close();
  });

  it('goes on until everything is posted', async () => {
    const { system, log, owe } = setUp();
    owe(250);
    await system.postAll();
    expect(log).toEqual(['post 100', 'post 100', 'post 50']);
    await system.close();
  });

  it('expires nothing at the first look, nor after a jump of the clock, which renews instead', async () => {
    const { system, log, pass } = setUp();
    await system.sweepOnce();
    expect(log).toEqual([]);
    pass(1_000);
    await system.sweepOnce();
    expect(log).toEqual(['expire']);
    pass(1_000, 3_600_000);
    await system.sweepOnce();
    expect(log).toEqual(['expire', 'extend']);
    pass(1_000);
    await system.sweepOnce();
    expect(log).toEqual(['expire', 'extend', 'expire']);
  });

  it('tells of a failure and tries again at the next turn', async () => {
    const { system, log, errors, fail } = setUp();
    fail(true);
    system.start();
    await jest.advanceTimersByTimeAsync(1_000);
    expect(errors).toHaveLength(1);
    fail(false);
    await jest.advanceTimersByTimeAsync(1_000);
    expect(log).toContain('post 0');
    await system.close();
  });

  it('posts what is left when it closes, and then stays still', async () => {
    const { system, log, owe } = setUp();
    owe(2);
    system.start();
    system.nudge();
    await system.close();
    expect(log).toEqual(['post 2']);
    system.nudge();
    await jest.advanceTimersByTimeAsync(10_000);
    expect(log).toEqual(['post 2']);
  });
});
