import fc from 'fast-check';
import type { PriceList } from '#contracts';
import { kibBegun, priceOf } from './price-of.js';

const list: PriceList = {
  type: 'watershed/price-list',
  clusterId: 'c'.repeat(43),
  version: 1,
  asset: 'drop',
  default: { baseMicro: '100', perKibMicro: '20' },
  models: [
    { model: 'watershed/language-id', baseMicro: '7', perKibMicro: '3' },
    { model: 'watershed/free', baseMicro: '0', perKibMicro: '0' },
    { model: 'watershed/huge', baseMicro: '9007199254740993', perKibMicro: '9007199254740993' },
  ],
  validFrom: '2026-11-21T00:00:00Z',
  signatures: [{ protected: '', signature: '' }],
};

describe('priceOf', () => {
  it.each([
    ['watershed/language-id', 0, 7n],
    ['watershed/language-id', 1, 10n],
    ['watershed/language-id', 1024, 10n],
    ['watershed/language-id', 1025, 13n],
    ['watershed/unlisted', 2048, 140n],
    ['watershed/free', 1_000_000, 0n],
  ])('%s with %d bytes costs %d', (model, bytes, price) => {
    expect(priceOf(list, model, bytes)).toBe(price);
  });

  it('is exact beyond what a double can hold', () => {
    expect(priceOf(list, 'watershed/huge', 1)).toBe(18014398509481986n);
  });

  it('reads another list anew', () => {
    expect(priceOf({ ...list, default: { baseMicro: '1', perKibMicro: '0' } }, 'watershed/unlisted', 9)).toBe(1n);
    expect(priceOf(list, 'watershed/unlisted', 9)).toBe(120n);
  });

  it('never costs less for more', () => {
    const size = fc.nat(10_000_000);
    fc.assert(
      fc.property(size, size, (one, other) => {
        const [less, more] = one < other ? [one, other] : [other, one];
        return priceOf(list, 'watershed/language-id', less) <= priceOf(list, 'watershed/language-id', more);
      }),
    );
  });

  it.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])('refuses %d as a size', (bytes) => {
    expect(() => kibBegun(bytes)).toThrow(RangeError);
  });
});
