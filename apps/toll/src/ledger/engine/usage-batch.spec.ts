import type { UsageEvent } from '#contracts';
import { batchOf } from './usage-batch.js';

const event = (over: Partial<UsageEvent> = {}): UsageEvent => ({
  usageId: '01936f00-0000-7000-8000-000000000001',
  blockId: '01936f00-0000-7000-8000-00000000000b',
  personId: '01936f00-0000-7000-8000-00000000000c',
  kind: 'infer',
  model: 'watershed/language-id',
  inputBytes: 40,
  amountMicro: '120',
  outcome: 'answered',
  occurredAt: '2026-11-21T10:00:00Z',
  ...over,
});
const other = '01936f00-0000-7000-8000-000000000002';

describe('batchOf', () => {
  it('hands each call its own refusals', () => {
    const batch = batchOf([
      { source: 'g1', events: [event(), event({ usageId: other })] },
      { source: 'g2', events: [event()] },
    ]);
    expect(batch.columns.usageIds).toEqual([event().usageId, other, event().usageId]);
    expect(batch.columns.sources).toEqual(['g1', 'g1', 'g2']);
    expect(batch.outcomes(new Map([[1, 'budget_exhausted']]))).toEqual([
      [{ usageId: other, code: 'budget_exhausted' }],
      [],
    ]);
  });

  it('takes an event once that comes twice, and tells both the same', () => {
    const batch = batchOf([
      { source: 'g1', events: [event()] },
      { source: 'g1', events: [event()] },
    ]);
    expect(batch.size).toBe(1);
    expect(batch.outcomes(new Map())).toEqual([[], []]);
    const refusal = { usageId: event().usageId, code: 'transfer_settled' };
    expect(batch.outcomes(new Map([[0, 'transfer_settled']]))).toEqual([[refusal], [refusal]]);
  });

  it.each([
    { amountMicro: '121' },
    { blockId: other },
    { personId: other },
    { model: 'watershed/other' },
    { outcome: 'failed' as const },
    { inputBytes: 41 },
  ])('calls the same id with another body a conflict: %o', (change) => {
    const batch = batchOf([{ source: 'g1', events: [event(), event(change)] }]);
    expect(batch.size).toBe(1);
    expect(batch.outcomes(new Map())).toEqual([[{ usageId: event().usageId, code: 'conflict' }]]);
  });

  it('does not count when it happened as another body: a retry may say it anew', () => {
    const batch = batchOf([{ source: 'g1', events: [event(), event({ occurredAt: '2026-11-21T10:00:01Z' })] }]);
    expect(batch.outcomes(new Map())).toEqual([[]]);
  });

  it('keeps an impossible amount from its neighbours', () => {
    const batch = batchOf([{ source: 'g1', events: [event({ amountMicro: '-5' }), event({ usageId: other })] }]);
    expect(batch.columns.usageIds).toEqual([other]);
    expect(batch.outcomes(new Map())).toEqual([[{ usageId: event().usageId, code: 'amount_invalid' }]]);
  });
});
