import { SharedRate } from './shared-rate.js';

describe('a rate that gateways share', () => {
  let now: number;
  const rate = (change: { limit?: number; maxKeys?: number } = {}) =>
    new SharedRate({ limit: 3, windowMs: 1_000, maxKeys: 10, now: () => now, ...change });

  beforeEach(() => {
    now = 0;
  });

  it('lets the limit through in each window, and says where one stands', () => {
    const own = rate();
    const standings = Array.from({ length: 4 }, () => own.count('ada', false));
    expect(standings.map(({ exceeded, remaining }) => [exceeded, remaining])).toEqual([
      [false, 2],
      [false, 1],
      [false, 0],
      [true, 0],
    ]);
    expect(own.count('bob', false).exceeded).toBe(false);
    now = 999;
    expect(own.count('ada', false)).toEqual({ exceeded: true, remaining: 0, resetMs: 1 });
    now = 1_000;
    expect(own.count('ada', false)).toEqual({ exceeded: false, remaining: 2, resetMs: 1_000 });
  });

  it('counts what others let through, in their window', () => {
    const [one, two] = [rate(), rate()];
    one.count('ada', true);
    one.count('ada', true);
    now = 100;
    expect(one.takeFresh()).toEqual([{ key: 'ada', count: 2, leftMs: 900 }]);
    expect(one.takeFresh()).toEqual([]);
    two.add([{ key: 'ada', count: 2, leftMs: 900 }]);
    expect(two.count('ada', true)).toEqual({ exceeded: false, remaining: 0, resetMs: 900 });
    expect(two.count('ada', true).exceeded).toBe(true);
    one.add(two.takeFresh());
    expect(one.count('ada', true).exceeded).toBe(true);
    now = 1_000;
    expect([one, two].map((each) => each.count('ada', true).remaining)).toEqual([2, 2]);
  });

  it('tells nothing where nobody is to be told, and nothing of what was refused or is over', () => {
    const own = rate({ limit: 1 });
    own.count('ada', false);
    expect(own.takeFresh()).toEqual([]);
    own.count('bob', true);
    own.count('bob', true);
    expect(own.takeFresh()).toMatchObject([{ key: 'bob', count: 1 }]);
    own.count('cleo', true);
    now = 1_000;
    expect(own.takeFresh()).toEqual([]);
  });

  it('is taken over by one that starts, once however many tell of it, and of those with most first', () => {
    const [old, started] = [rate(), rate()];
    for (const key of ['ada', 'ada', 'ada', 'bob', 'bob', 'cleo']) old.count(key, true);
    now = 400;
    expect(old.standing(2)).toEqual([
      { key: 'ada', count: 3, leftMs: 600 },
      { key: 'bob', count: 2, leftMs: 600 },
    ]);
    started.count('bob', true);
    for (let times = 0; times < 2; times++) started.takeOver(old.standing(2));
    expect(started.count('ada', true)).toEqual({ exceeded: true, remaining: 0, resetMs: 600 });
    expect(started.count('bob', true)).toMatchObject({ exceeded: false, remaining: 0 });
    expect(started.count('cleo', true).remaining).toBe(2);
    // What it took over it does not tell as its own.
    expect(started.takeFresh().map(({ key, count }) => [key, count])).toEqual([
      ['bob', 2],
      ['cleo', 1],
    ]);
    now = 1_000;
    expect(old.standing(9)).toEqual([]);
  });

  it('believes no window longer than its own', () => {
    const own = rate();
    own.add([{ key: 'ada', count: 3, leftMs: 1e9 }]);
    now = 1_000;
    expect(own.count('ada', false).exceeded).toBe(false);
  });

  it('remembers so many keys and no more', () => {
    const own = rate({ limit: 1, maxKeys: 2 });
    for (const key of ['ada', 'bob', 'cleo']) own.count(key, false);
    expect(['cleo', 'bob', 'ada'].map((key) => own.count(key, false).exceeded)).toEqual([true, true, false]);
  });
});
