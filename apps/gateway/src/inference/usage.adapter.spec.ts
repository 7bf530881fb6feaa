import { tollAmendUsage, tollRecordUsage, type UsageEvent } from '#contracts';
import { WatershedError } from '#errors';
import { failedUsage } from '../testing/failed-usage.js';
import { FakeCluster } from '../testing/fake-cluster.js';
import { BatchedUsage } from './usage.adapter.js';

const event = (place: number) => failedUsage(`01a1ffe5-9748-7f97-aa9e-${String(place).padStart(12, '0')}`);
const events = Array.from({ length: 30 }, (_, place) => event(place));
const ids = (of: readonly UsageEvent[]) => of.map(({ usageId }) => usageId);

function stand(keep: (events: readonly UsageEvent[]) => Promise<void> = () => Promise.resolve()) {
  const cluster = new FakeCluster();
  const kept: string[][] = [];
  const lost: string[][] = [];
  const usage = new BatchedUsage({
    cluster,
    keep: async (of) => {
      kept.push(ids(of));
      await keep(of);
    },
    onLost: (of) => void lost.push(ids(of)),
  });
  return { cluster, usage, kept, lost };
}

describe('BatchedUsage', () => {
  it('tells toll of amendments together, and keeps none that it took', async () => {
    const { cluster, usage, kept, lost } = stand();
    cluster.handle(tollAmendUsage, () => ({ refused: [] }));
    await Promise.all(events.map((each) => usage.amend(each)));
    expect(cluster.callsOf(tollAmendUsage)).toEqual([{ events }]);
    expect([kept, lost]).toEqual([[], []]);
  });

  it('keeps those that toll refused', async () => {
    const { cluster, usage, kept } = stand();
    const [, second = event(1)] = events;
    cluster.handle(tollAmendUsage, () => ({ refused: [{ usageId: second.usageId, code: 'purse_empty' }] }));
    await Promise.all(events.map((each) => usage.amend(each)));
    expect(kept).toEqual([[second.usageId]]);
  });

  it('keeps all that toll does not hear of at once, not each for itself: that takes the database too long', async () => {
    const { usage, kept, lost } = stand();
    await Promise.all(events.map((each) => usage.amend(each)));
    expect(kept).toEqual([ids(events)]);
    expect(lost).toEqual([]);
  });

  it('says which are lost where they cannot be kept, and carries on', async () => {
    const { usage, lost } = stand(() => Promise.reject(new WatershedError('database_unavailable', 'No database.')));
    await Promise.all(events.map((each) => usage.amend(each)));
    await usage.amend(event(99));
    expect(lost).toEqual([ids(events), ids([event(99)])]);
  });

  it('is drained once what is being amended is told or kept', async () => {
    let done: () => void = () => undefined;
    const { usage } = stand(() => new Promise((resolve) => (done = resolve)));
    const amended = usage.amend(event(0));
    let drained = false;
    const draining = usage.drained().then(() => (drained = true));
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    expect(drained).toBe(false);
    done();
    await Promise.all([amended, draining]);
  });

  it('gives each row the refusal that is its own', async () => {
    const { cluster, usage } = stand();
    cluster.handle(tollRecordUsage, () => ({ refused: [{ usageId: event(1).usageId, code: 'transfer_settled' }] }));
    const outcomes = await Promise.allSettled(events.map((each) => usage.record(each)));
    expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(1);
    expect(outcomes[1]).toMatchObject({ status: 'rejected', reason: { code: 'transfer_settled' } });
  });
});
