import { CrashPolicy } from './crash-policy.js';

const minute = 60_000;

describe('CrashPolicy', () => {
  it('loads again after a crash, and gives up at the second within a minute', () => {
    const policy = new CrashPolicy();
    expect(policy.crashed(1_000)).toBe('reload');
    expect(policy.crashed(1_000 + minute - 1)).toBe('fail');
  });

  it('forgets a crash after a minute', () => {
    const policy = new CrashPolicy();
    policy.crashed(0);
    expect(policy.crashed(minute)).toBe('reload');
  });

  it('lets a model that failed rest for a minute', () => {
    const policy = new CrashPolicy();
    policy.crashed(0);
    expect(policy.restMs(0)).toBe(0);
    policy.crashed(10_000);
    expect(policy.restMs(10_000)).toBe(minute);
    expect(policy.restMs(10_000 + minute)).toBe(0);
  });

  it('takes five failures in a row for a death, once a minute', () => {
    const policy = new CrashPolicy();
    const five = (at: number) => [1, 2, 3, 4, 5].map(() => policy.failed(at));
    expect(five(0)).toEqual(['none', 'none', 'none', 'none', 'reload']);
    expect(five(1_000)).not.toContain('reload');
    expect(five(minute)).toContain('reload');
  });

  it('begins to count anew at every success', () => {
    const policy = new CrashPolicy();
    for (let i = 0; i < 4; i++) policy.failed(0);
    policy.succeeded();
    expect(policy.failed(0)).toBe('none');
  });

  it('never gives up a model for failures that are no deaths', () => {
    const policy = new CrashPolicy();
    const verdicts = Array.from({ length: 1_000 }, (_, i) => policy.failed(i * 100));
    expect(verdicts).not.toContain('fail');
  });

  it('counts hangs by what was answered in between, and apart from crashes', () => {
    const policy = new CrashPolicy();
    expect(policy.hung(0)).toBe('reload');
    expect(policy.crashed(1_000)).toBe('reload');
    policy.succeeded();
    expect(policy.hung(2_000)).toBe('reload');
    expect(policy.hung(9_000_000)).toBe('fail');
    expect(policy.restMs(9_000_000)).toBe(60_000);
  });
});
