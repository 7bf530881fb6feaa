import type { UsageEvent } from '#contracts';

/** Usage of a request that came to nothing, long ago. */
export const failedUsage = (usageId: string): UsageEvent => ({
  usageId,
  blockId: '01a1ffe5-9748-7f97-aa9e-14d829b2c1ab',
  personId: '01a1ffe5-9748-7f97-aa9e-14d829b2c1ac',
  kind: 'infer',
  model: 'acme/m',
  inputBytes: 3,
  amountMicro: '0',
  outcome: 'failed',
  occurredAt: new Date(0).toISOString(),
});
