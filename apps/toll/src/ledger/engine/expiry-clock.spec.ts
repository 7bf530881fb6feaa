import { ExpiryClock } from './expiry-clock.js';

describe('ExpiryClock', () => {
  it('lets callers come before expiry after a start', () => {
    expect(new ExpiryClock().observe(1_000_000, 50)).toBe('first');
  });

  it.each([
    ['ticks with the monotonic clock', 1_000, 1_000, 'steady'],
    ['is adjusted a little', 5_900, 1_000, 'steady'],
    ['leaps ahead', 3_600_000, 1_000, 'jumped'],
    ['leaps back', -20_000, 1_000, 'jumped'],
    ['went on while this process slept', 60_000, 60_000, 'steady'],
  ])('%s', (_, databaseMs, monotonicMs, verdict) => {
    const clock = new ExpiryClock();
    clock.observe(1_000_000, 50);
    expect(clock.observe(1_000_000 + databaseMs, 50 + monotonicMs)).toBe(verdict);
  });

  it('trusts the new time after a jump', () => {
    const clock = new ExpiryClock();
    clock.observe(0, 0);
    expect(clock.observe(100_000, 1_000)).toBe('jumped');
    expect(clock.observe(101_000, 2_000)).toBe('steady');
  });
});
