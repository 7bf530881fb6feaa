import { createMetrics } from '#telemetry';
import { observeLedger } from './ledger.metrics.js';

describe('the metrics of the ledger', () => {
  it('show the first sum of a new ledger at the next look, and read a filled one seldom', async () => {
    const metrics = createMetrics('toll');
    let sums: { asset: string; sumMicro: string }[] = [];
    let reads = 0;
    let now = 0;
    const figures = {
      sums: async () => {
        reads += 1;
        return sums;
      },
      oldestUnpostedSeconds: async () => 0,
    };
    observeLedger(metrics, figures, () => now);
    const shown = async () => (await metrics.registry.metrics()).includes('toll_ledger_sum_micro{');
    expect(await shown()).toBe(false);
    sums = [{ asset: 'drop', sumMicro: '0' }];
    expect(await shown()).toBe(true);
    expect(await shown()).toBe(true);
    expect(reads).toBe(2);
    now = 300_000;
    await shown();
    expect(reads).toBe(3);
  });
});
