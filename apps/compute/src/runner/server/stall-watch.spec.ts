import { StallWatch } from './stall-watch.js';

function make() {
  let nowMs = 0;
  const timers: { atMs: number; call: () => void }[] = [];
  const stalls: [string, number][] = [];
  const watch = new StallWatch({
    limitMs: 100,
    stalled: (name, version) => stalls.push([`${name}/${version}`, nowMs]),
    now: () => nowMs,
    after: (ms, call) => void timers.push({ atMs: nowMs + ms, call }),
  });
  const to = (ms: number) => {
    for (;;) {
      const next = timers.filter(({ atMs }) => atMs <= ms).sort((a, b) => a.atMs - b.atMs)[0];
      if (!next) break;
      timers.splice(timers.indexOf(next), 1);
      nowMs = next.atMs;
      next.call();
    }
    nowMs = ms;
  };
  /** Time passes and nothing runs; then what is due does. */
  const hold = (ms: number) => {
    nowMs = ms;
    for (const timer of timers.filter(({ atMs }) => atMs <= ms)) {
      timers.splice(timers.indexOf(timer), 1);
      timer.call();
    }
  };
  return { watch, stalls, timers, to, hold };
}

describe('StallWatch', () => {
  it('tells of a model that answers nothing for the limit while it has work', () => {
    const { watch, stalls, to } = make();
    watch.began('m', '1');
    to(99);
    expect(stalls).toEqual([]);
    to(100);
    expect(stalls).toEqual([['m/1', 100]]);
  });

  it('lets a request that waits behind slow ones wait', () => {
    const { watch, stalls, to } = make();
    for (let i = 0; i < 4; i++) watch.began('m', '1');
    for (let i = 1; i <= 4; i++) {
      to(i * 90);
      watch.ended('m', '1');
    }
    to(10_000);
    expect(stalls).toEqual([]);
  });

  it('counts from the last answer, and not from what came after it', () => {
    const { watch, stalls, to } = make();
    watch.began('m', '1');
    to(50);
    watch.began('m', '1');
    to(80);
    watch.ended('m', '1');
    for (const ms of [100, 130, 160]) {
      to(ms);
      watch.began('m', '1');
    }
    to(200);
    expect(stalls).toEqual([['m/1', 180]]);
  });

  it('does not count the time without work', () => {
    const { watch, stalls, to } = make();
    watch.began('m', '1');
    to(10);
    watch.ended('m', '1');
    to(95);
    watch.began('m', '1');
    to(194);
    watch.ended('m', '1');
    to(1_000);
    expect(stalls).toEqual([]);
  });

  it('does not blame a model for the time in which this process could not read its answers', () => {
    const { watch, stalls, to, hold } = make();
    watch.began('m', '1');
    to(90);
    hold(700);
    expect(stalls).toEqual([]);
    watch.ended('m', '1');
    watch.began('m', '1');
    to(790);
    hold(1_200);
    expect(stalls).toEqual([]);
    to(1_299);
    expect(stalls).toEqual([]);
    to(1_350);
    expect(stalls).toEqual([['m/1', 1_300]]);
  });

  it('keeps models and versions apart, tells again while nothing changes, and forgets what is idle', () => {
    const { watch, stalls, timers, to } = make();
    watch.began('m', '1');
    watch.began('m', '2');
    watch.began('n', '1');
    to(20);
    watch.ended('m', '2');
    watch.ended('n', '1');
    to(200);
    expect(stalls).toEqual([
      ['m/1', 100],
      ['m/1', 200],
    ]);
    watch.ended('m', '1');
    to(1_000);
    expect([stalls.length, timers]).toEqual([2, []]);
  });
});
