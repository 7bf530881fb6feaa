import { eventually } from '#testing';
import { batchOf } from './engine/usage-batch.js';
import { brokenInvariants, gatewayOne, type TestLedger, testLedger, usageOf } from './testing/test-ledger.js';

describe('usage that another replica is just recording', () => {
  let ledger: TestLedger;
  let personId: string;
  beforeAll(async () => {
    ledger = await testLedger();
    personId = await ledger.newPerson();
  });
  afterAll(async () => {
    await ledger?.close();
  });

  const draw = () => ledger.newBlock(personId);

  it.each([
    ['from the same block is taken once, and both are told so', true, []],
    ['from another block is a conflict', false, ['conflict']],
  ])('%s', async (_, sameBlock, codes) => {
    const event = usageOf(await draw(), personId);
    const second = sameBlock ? event : { ...event, blockId: await draw() };
    const recorded = await ledger.database.sqlTransaction(async (client) => {
      const { columns } = batchOf([{ source: gatewayOne, events: [event] }]);
      const types = ['text', 'uuid', 'uuid', 'uuid', 'text', 'text', 'bigint', 'bigint', 'text', 'timestamptz'];
      const places = types.map((type, at) => `$${at + 1}::${type}[]`).join(', ');
      await client.query(`SELECT * FROM toll.record_usage(${places})`, Object.values(columns));
      const other = ledger.store.recordUsage({ source: gatewayOne, events: [second] });
      other.catch(() => undefined); // it is looked at below, after the commit
      await eventually(ledger.isWaited);
      return { other };
    });
    expect(await recorded.other).toEqual(codes.map((code) => ({ usageId: event.usageId, code })));
    expect(await brokenInvariants(ledger.database.pool)).toEqual([]);
  });
});
