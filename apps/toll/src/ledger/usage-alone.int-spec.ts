import { uuidv7 } from 'uuidv7';
import {
  brokenInvariants,
  gatewayOne,
  gatewayTwo,
  type TestLedger,
  testLedger,
  usageOf,
} from './testing/test-ledger.js';

describe('usage that is alone in its commit', () => {
  let ledger: TestLedger;
  let personId: string;
  beforeAll(async () => {
    ledger = await testLedger();
    personId = await ledger.newPerson();
  });
  afterAll(async () => {
    await ledger?.close();
  });

  const draw = (of = personId) => ledger.newBlock(of);

  it.each([
    ['is taken', {}, gatewayOne, []],
    ['costs nothing', { amountMicro: '0' }, gatewayOne, []],
    ['takes what its block has to the last', { amountMicro: '1000' }, gatewayOne, []],
    ['is more than its block', { amountMicro: '1001' }, gatewayOne, ['budget_exhausted']],
    ['is of no block', { blockId: uuidv7() }, gatewayOne, ['transfer_unknown']],
    ["is of another person than its block's", { personId: uuidv7() }, gatewayOne, ['conflict']],
    ["is of another node than its block's", {}, gatewayTwo, ['caller_not_allowed']],
  ])('and %s is answered as one among others', async (_, change, source, codes) => {
    for (const others of [0, 1]) {
      const event = usageOf(await draw(), personId, change);
      const other = usageOf(await draw(await ledger.newPerson()), personId);
      const { refused } = await ledger.engine.recordUsage([event, ...Array(others).fill(other)], source);
      expect(refused.filter(({ usageId }) => usageId === event.usageId).map(({ code }) => code)).toEqual(codes);
      const { rows } = await ledger.database.pool.query('SELECT 1 FROM toll.usage WHERE usage_id = $1', [
        event.usageId,
      ]);
      expect(rows).toHaveLength(codes.length === 0 ? 1 : 0);
    }
    expect(await brokenInvariants(ledger.database.pool)).toEqual([]);
  });

  it('of a block that was given back is refused, and again it is what it was', async () => {
    const event = usageOf(await draw(), personId);
    expect(await ledger.engine.recordUsage([event], gatewayOne)).toEqual({ refused: [] });
    await ledger.engine.releaseBlock(event.blockId, gatewayOne);
    expect(await ledger.engine.recordUsage([event], gatewayOne)).toEqual({ refused: [] });
    const late = { ...event, usageId: uuidv7() };
    expect(await ledger.engine.recordUsage([late], gatewayOne)).toEqual({
      refused: [{ usageId: late.usageId, code: 'transfer_settled' }],
    });
    expect(await brokenInvariants(ledger.database.pool)).toEqual([]);
  });
});
