import type { UsageEvent } from '#contracts';
import { eventually } from '#testing';
import { brokenInvariants, gatewayOne, type TestLedger, testLedger, usageOf } from './testing/test-ledger.js';

// Everything in the ledger locks holds first and then accounts, each by id: whoever does otherwise waits in a circle.
describe('amendments that wait for another', () => {
  let ledger: TestLedger;
  let events: [UsageEvent, UsageEvent];
  beforeAll(async () => {
    ledger = await testLedger();
  });
  beforeEach(async () => {
    // Both purses are there before the revenue is, so that their locks come before its own.
    const people = [await ledger.newPerson(), await ledger.newPerson()] as const;
    events = [await failedOf(people[0]), await failedOf(people[1])];
    await ledger.store.postUsage(10);
  });
  afterAll(async () => {
    await ledger?.close();
  });

  const failedOf = async (personId: string): Promise<UsageEvent> => {
    const blockId = await ledger.newBlock(personId);
    const event = usageOf(blockId, personId);
    await ledger.engine.recordUsage([event], gatewayOne);
    return { ...event, amountMicro: '0', outcome: 'failed' };
  };
  const account = "SELECT 1 FROM toll.account WHERE owner = $1 AND asset = 'drop' FOR NO KEY UPDATE NOWAIT";
  const hold = 'SELECT 1 FROM toll.hold WHERE id = $1 FOR NO KEY UPDATE NOWAIT';

  it.each([
    [
      'for a purse have not locked the revenue',
      () => [account, `person:${events[1].personId}`] as const,
      () => [account, 'revenue'] as const,
    ],
    [
      'for a block have locked no account',
      () => [hold, [events[0].blockId, events[1].blockId].sort()[1] ?? ''] as const,
      () => [account, `person:${events[0].personId}`] as const,
    ],
  ])('%s', async (_, held, free) => {
    const { amended } = await ledger.database.sqlTransaction(async (client) => {
      const [text, value] = held();
      await client.query(text, [value]);
      const amending = ledger.engine.amendUsage(events, gatewayOne);
      amending.catch(() => undefined); // it is looked at below, after the commit
      await eventually(ledger.isWaited);
      const [other, name] = free();
      expect((await client.query(other, [name])).rows).toHaveLength(1);
      return { amended: amending };
    });
    expect(await amended).toEqual({ refused: [] });
    expect(await brokenInvariants(ledger.database.pool)).toEqual([]);
  });
});
