import { amountOf, maxAmountMicro, positiveAmount } from './amount.js';

describe('amounts', () => {
  it.each([
    ['0', 0n],
    ['1', 1n],
    ['1000000000000000', maxAmountMicro],
  ])('reads %s', (text, amount) => expect(amountOf(text)).toBe(amount));

  it.each(['-1', '1000000000000001', '01', '1.0', '1e3', '', ' 1', '9'.repeat(31)])('does not take "%s"', (text) => {
    expect(amountOf(text)).toBeUndefined();
    expect(() => positiveAmount(text)).toThrow(expect.objectContaining({ code: 'amount_invalid' }));
  });

  it('moves no nothing', () => {
    expect(() => positiveAmount('0')).toThrow(expect.objectContaining({ code: 'amount_invalid' }));
  });
});
