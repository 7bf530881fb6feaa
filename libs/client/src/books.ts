import type { GatewayClient } from './client.js';

/** What toll has booked, of everybody. */
export interface Books {
  /** Usage rows ever written. */
  readonly usageEvents: number;
  /** Of these, those that no transfer lists yet. */
  readonly unpostedUsageEvents: number;
}

/** The books do not come out. */
export class BooksError extends Error {
  override readonly name = 'BooksError';
}

/**
 * The books as the operator sees them, for whoever counts answers beside them: load tests, benches, tests. Throws
 * BooksError where the entries in some asset do not sum to zero.
 */
export async function balancedBooks(operator: GatewayClient): Promise<Books> {
  const { data } = await operator.GET('/v1/audit/ledger');
  if (!data) throw new BooksError('The ledger was not shown.');
  for (const { asset, sumMicro } of data.assets)
    if (sumMicro !== '0') throw new BooksError(`The ledger of ${asset} sums to ${sumMicro}, not to zero.`);
  return { usageEvents: data.usageEvents, unpostedUsageEvents: data.unpostedUsageEvents };
}
