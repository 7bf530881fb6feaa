import { eventually } from '#testing';
import { KeptService } from './storage.js';

/** A service that ends when told, and counts how often it was begun and stopped. */
function frail(beginMs: (n: number) => Promise<void> = async () => undefined, pause?: { nextMs(): number }) {
  const state = { begun: 0, alive: 0, lines: [] as string[], fall: (): void => undefined };
  const begin = async () => {
    state.begun += 1;
    await beginMs(state.begun);
    state.alive += 1;
    let end: (code: number) => void = () => undefined;
    const exited = new Promise<number | null>((resolve) => {
      end = resolve;
    });
    let ended = false;
    const gone = () => {
      if (!ended) state.alive -= 1;
      ended = true;
      end(1);
    };
    state.fall = gone;
    return {
      url: 'service://',
      process: { pid: 1, exited, hasExited: () => ended, stop: async () => gone() },
      stop: async () => gone(),
    };
  };
  return { state, kept: new KeptService('Redis', begin, { problem: (line) => void state.lines.push(line) }, pause) };
}

const pausesIn = (lines: readonly string[]) => lines.map((line) => Number(/in (\d+) ms/.exec(line)?.[1]));

describe('a service that is kept running', () => {
  it('is started again after growing pauses, the first one included', async () => {
    const { state, kept } = frail();
    await kept.start();
    for (let falls = 1; falls <= 3; falls++) {
      state.fall();
      await eventually(() => state.begun === falls + 1 && state.alive === 1);
    }
    const [first = 0, second = 0, third = 0] = pausesIn(state.lines);
    expect(first).toBeGreaterThanOrEqual(15);
    expect(second).toBeGreaterThanOrEqual(30);
    expect(third).toBeGreaterThanOrEqual(60);
    await kept.stop();
    expect(state.alive).toBe(0);
  });

  it('is not started again once stopped, even while it waits for that', async () => {
    const { state, kept } = frail(undefined, { nextMs: () => 60_000 });
    await kept.start();
    state.fall();
    await eventually(() => state.lines.length === 1);
    await kept.stop();
    state.fall();
    expect([state.begun, state.alive, state.lines.length]).toEqual([1, 0, 1]);
  });

  it('is stopped where a start was under way', async () => {
    let open: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const { state, kept } = frail((n) => (n === 2 ? gate : Promise.resolve()));
    await kept.start();
    state.fall();
    await eventually(() => state.begun === 2);
    const stopped = kept.stop();
    open();
    await stopped;
    expect(state.alive).toBe(0);
  });

  it('tells a failed restart and tries again', async () => {
    const { state, kept } = frail(async (n) => {
      if (n === 2) throw new Error('the disk is full');
    });
    await kept.start();
    state.fall();
    await eventually(() => state.alive === 1 && state.begun === 3);
    expect(state.lines[1]).toContain('the disk is full');
    await kept.stop();
  });
});
