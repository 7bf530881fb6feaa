import { type ErrorCode, WatershedError } from '#errors';

/** What the ledger's functions answer instead of `ok`; a code without a sentence here does not compile. */
export const ledgerRefusals = {
  not_found: 'There is no purse for this person and asset. Open the purse first.',
  invalid_request: 'The payee is the payer, or the expiry lies in the past.',
  conflict: 'This id already stands for another request. Use a new id.',
  purse_empty:
    'The purse holds too little for this. Ask an operator for a grant, or wait until held money is given back.',
  budget_exhausted: 'The event is beyond what is left of its block. Draw another block.',
  transfer_unknown: 'There is no hold or block of this id.',
  transfer_settled: 'This hold or block was captured, voided or given back already. Make a new one.',
  amount_invalid: 'The amount is not a whole number of micro-units within bounds.',
  caller_not_allowed: 'This block belongs to another node.',
} satisfies Partial<Record<ErrorCode, string>>;

export type LedgerRefusal = keyof typeof ledgerRefusals;
export type LedgerCode = 'ok' | LedgerRefusal;

export function isLedgerCode(code: string): code is LedgerCode {
  return code === 'ok' || Object.hasOwn(ledgerRefusals, code);
}

export function ledgerError(code: LedgerRefusal, details?: Readonly<Record<string, string>>): WatershedError {
  return new WatershedError(code, ledgerRefusals[code], details ? { details } : {});
}
