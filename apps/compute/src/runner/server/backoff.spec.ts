import { Backoff } from './backoff.js';

describe('Backoff', () => {
  const make = (random: number) =>
    new Backoff({ firstMs: 100, longestMs: 1_000, resetAfterMs: 60_000, random: () => random });

  it('doubles up to its cap, and starts again after a while of health', () => {
    const backoff = make(0);
    expect([0, 0, 0, 0, 0, 0].map((up) => backoff.next(up))).toEqual([100, 200, 400, 800, 1_000, 1_000]);
    expect(backoff.next(60_000)).toBe(100);
  });

  it('takes off up to a quarter, so that many do not come back at once', () => {
    expect(make(1).next(0)).toBe(75);
  });
});
