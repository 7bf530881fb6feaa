import type { Metrics } from '#telemetry';

/** What the ledger's metrics read. Errors: `database_unavailable`. */
export interface LedgerFigures {
  /** Of every entry, by asset; a ledger that is whole sums to zero. */
  sums(): Promise<{ asset: string; sumMicro: string }[]>;
  /** Age of the oldest usage that no transfer lists yet; 0 where there is none. */
  oldestUnpostedSeconds(): Promise<number>;
}

/** Reading every entry is worth it once in this time, however often Prometheus asks. */
const sumEveryMs = 300_000;

export function observeLedger(metrics: Metrics, figures: LedgerFigures, now: () => number): void {
  metrics.gauge('toll_oldest_unposted_usage_seconds', 'Age of the oldest usage not posted', [], async (gauge) =>
    gauge.set(await figures.oldestUnpostedSeconds()),
  );
  let known: { readonly at: number; readonly sums: readonly { asset: string; sumMicro: string }[] } | undefined;
  metrics.gauge(
    'toll_ledger_sum_micro',
    'Sum of all entries: not zero is a broken ledger',
    ['asset'],
    async (gauge) => {
      // An empty ledger is asked again each time: it costs nothing, and its first entry is seen at once.
      if (!known || known.sums.length === 0 || now() - known.at >= sumEveryMs)
        known = { at: now(), sums: await figures.sums() };
      for (const { asset, sumMicro } of known.sums) gauge.set({ asset }, Number(sumMicro));
    },
  );
}
