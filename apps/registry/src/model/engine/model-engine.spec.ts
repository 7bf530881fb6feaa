import fc from 'fast-check';
import { mayMove } from './review.states.js';
import { compareSemver, newest } from './semver-order.js';

describe('versions', () => {
  it('come in the order of the standard', () => {
    const ordered = [
      '0.9.9',
      '1.0.0-alpha',
      '1.0.0-alpha.1',
      '1.0.0-alpha.beta',
      '1.0.0-beta',
      '1.0.0-beta.2',
      '1.0.0-beta.11',
      '1.0.0-rc.1',
      '1.0.0',
      '1.2.0',
      '1.10.0',
      '2.0.0',
    ];
    for (const [n, one] of ordered.entries())
      for (const [m, other] of ordered.entries()) expect(Math.sign(compareSemver(one, other))).toBe(Math.sign(n - m));
  });

  it('are ordered totally', () => {
    const number = fc.nat(12).map(String);
    const pre = fc.option(fc.array(fc.oneof(number, fc.constantFrom('a', 'rc', 'A')), { minLength: 1, maxLength: 3 }), {
      nil: undefined,
    });
    const version = fc
      .tuple(number, number, number, pre)
      .map(([a, b, c, p]) => `${a}.${b}.${c}${p ? `-${p.join('.')}` : ''}`);
    fc.assert(
      fc.property(version, version, version, (a, b, c) => {
        expect(Math.sign(compareSemver(a, b))).toBe(-Math.sign(compareSemver(b, a)) + 0);
        expect(compareSemver(a, b) === 0).toBe(a === b);
        if (compareSemver(a, b) < 0 && compareSemver(b, c) < 0) expect(compareSemver(a, c)).toBeLessThan(0);
      }),
    );
  });

  it('are new as releases before previews', () => {
    expect(newest(['1.0.0', '2.0.0-rc.1', '1.9.0'].map((version) => ({ version })))?.version).toBe('1.9.0');
    expect(newest(['2.0.0-rc.1', '2.0.0-rc.2'].map((version) => ({ version })))?.version).toBe('2.0.0-rc.2');
    expect(newest([])).toBeUndefined();
  });
});

describe('a review', () => {
  const states = ['submitted', 'approved', 'rejected', 'withdrawn'] as const;
  it('moves these ways and no others', () => {
    const moves = states.flatMap((from) => states.filter((to) => mayMove(from, to)).map((to) => `${from} → ${to}`));
    expect(moves).toEqual([
      'submitted → approved',
      'submitted → rejected',
      'approved → withdrawn',
      'withdrawn → approved',
    ]);
  });
});
