import { ledgerError } from '../ledger.errors.js';

/** A thousand million drops: far above any real amount, far below where sums of `bigint` columns end. */
export const maxAmountMicro = 1_000_000_000_000_000n;

/** The amount of a movement, `0 < amount ≤ 10^15` micro-units. Throws `amount_invalid`. */
export function positiveAmount(text: string): bigint {
  const amount = amountOf(text);
  if (amount === undefined || amount === 0n) throw ledgerError('amount_invalid');
  return amount;
}

/** An amount that may be zero; undefined for what the ledger does not take. */
export function amountOf(text: string): bigint | undefined {
  if (!/^(0|[1-9][0-9]{0,15})$/.test(text)) return undefined;
  const amount = BigInt(text);
  return amount <= maxAmountMicro ? amount : undefined;
}
