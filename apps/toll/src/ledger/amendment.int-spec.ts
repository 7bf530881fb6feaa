import { uuidv7 } from 'uuidv7';
import type { UsageEvent } from '#contracts';
import {
  brokenInvariants,
  gatewayOne,
  gatewayTwo,
  openingMicro,
  type TestLedger,
  testLedger,
  usageOf,
} from './testing/test-ledger.js';

describe('usage that ended otherwise than its row says', () => {
  let ledger: TestLedger;
  let personId: string;
  beforeAll(async () => {
    ledger = await testLedger();
  });
  beforeEach(async () => {
    personId = await ledger.newPerson();
  });
  afterEach(async () => expect(await brokenInvariants(ledger.database.pool)).toEqual([]));
  afterAll(async () => {
    await ledger?.close();
  });

  const draw = () => ledger.newBlock(personId);
  const recorded = async (amountMicro = '120') => {
    const event = usageOf(await draw(), personId, { amountMicro });
    expect(await ledger.engine.recordUsage([event], gatewayOne)).toEqual({ refused: [] });
    return event;
  };
  /** Why it was not done; nothing where it was. */
  const amend = async (event: UsageEvent, source = gatewayOne) =>
    (await ledger.engine.amendUsage([event], source)).refused.map(({ code }) => code);
  const purse = async () => {
    const { balanceMicro, heldMicro, unpostedMicro } = await ledger.engine.purse(personId);
    return [balanceMicro, heldMicro, unpostedMicro].map(Number);
  };
  const listed = async () => (await ledger.engine.usage(personId, { limit: 10 })).items;
  const opening = Number(openingMicro);

  it('before the ledger moved: its refund stays in the block, and nothing is posted for it', async () => {
    const event = await recorded();
    const failed = { ...event, amountMicro: '0', outcome: 'failed' as const };
    expect(await amend(failed)).toEqual([]);
    expect(await purse()).toEqual([opening, 1_000, 0]);
    expect((await ledger.engine.statement(personId, { limit: 10 })).unposted).toEqual([failed]);
    await ledger.store.postUsage(10);
    expect(await amend(failed)).toEqual([]);
    await ledger.engine.releaseBlock(event.blockId, gatewayOne);
    expect(await purse()).toEqual([opening, 0, 0]);
    expect(await listed()).toEqual([failed]);
    expect((await ledger.engine.statement(personId, { limit: 10 })).items.map(({ kind }) => kind)).toEqual(['opening']);
  });

  it.each([['while its block is open'], ['after its block was given back']])(
    'after the ledger moved, %s: a refund brings it back, once, and names it',
    async (when) => {
      const event = await recorded();
      await ledger.store.postUsage(10);
      if (when.startsWith('after')) await ledger.engine.releaseBlock(event.blockId, gatewayOne);
      expect((await purse())[0]).toBe(opening - 120);
      const half = { ...event, amountMicro: '50', outcome: 'failed' as const };
      expect(await Promise.all([amend(half), amend(half)])).toEqual([[], []]);
      expect((await purse())[0]).toBe(opening - 50);
      expect(await listed()).toEqual([{ ...half, transferId: expect.any(String) }]);
      const [refund, usage] = (await ledger.engine.statement(personId, { limit: 10 })).items;
      expect(refund).toMatchObject({ kind: 'refund', amountMicro: '70', usageIds: [event.usageId] });
      expect(usage).toMatchObject({ kind: 'usage', amountMicro: '-120', usageIds: [event.usageId] });
    },
  );

  it('is as before where it ended as its row says', async () => {
    const event = await recorded();
    expect(await amend(event)).toEqual([]);
    expect(await amend({ ...event, amountMicro: '0', outcome: 'failed' })).toEqual([]);
    expect(await listed()).toMatchObject([{ amountMicro: '0', outcome: 'failed' }]);
  });

  it('is refunded from what there is, and otherwise not at all', async () => {
    const event = await recorded();
    await ledger.store.postUsage(1_000);
    const floor = (micro: string) =>
      ledger.database.pool.query(`UPDATE toll.account SET floor_micro = ${micro} WHERE owner = 'revenue'`);
    await floor('balance_micro - 119');
    const failed = { ...event, amountMicro: '0', outcome: 'failed' as const };
    expect(await amend(failed)).toEqual(['purse_empty']);
    expect(await listed()).toMatchObject([{ amountMicro: '120', outcome: 'answered' }]);
    await floor('balance_micro - 120');
    expect(await amend(failed)).toEqual([]);
    await floor('0');
    expect((await purse())[0]).toBe(opening);
  });

  it('is in the totals as it ended, whether the ledger had moved or not', async () => {
    const sums = async () => {
      await ledger.store.postUsage(1_000);
      const [drop] = (await ledger.engine.totals()).assets;
      return [drop?.usageMicro, drop?.postedUsageMicro].map(Number);
    };
    const [usedMicro = 0, postedMicro = 0] = await sums();
    expect(postedMicro).toBe(usedMicro);
    const moved = await recorded();
    expect(await sums()).toEqual([usedMicro + 120, usedMicro + 120]);
    const unmoved = await recorded();
    for (const event of [moved, unmoved])
      expect(await amend({ ...event, amountMicro: '20', outcome: 'failed' })).toEqual([]);
    expect(await sums()).toEqual([usedMicro + 40, usedMicro + 40]);
  });

  it("is one node's, though another's has the same id", async () => {
    const event = await recorded();
    const blockId = await ledger.newBlock(personId, gatewayTwo);
    expect(await ledger.engine.recordUsage([{ ...event, blockId }], gatewayTwo)).toEqual({ refused: [] });
    expect(await amend({ ...event, amountMicro: '0', outcome: 'failed' })).toEqual([]);
    expect((await listed()).map(({ amountMicro, outcome }) => [amountMicro, outcome])).toEqual([
      ['120', 'answered'],
      ['0', 'failed'],
    ]);
  });

  it('that has another outcome only costs what it did', async () => {
    const event = await recorded();
    expect(await amend({ ...event, outcome: 'abandoned' })).toEqual([]);
    await ledger.store.postUsage(10);
    expect((await purse())[0]).toBe(opening - 120);
    expect(await listed()).toMatchObject([{ amountMicro: '120', outcome: 'abandoned' }]);
  });

  it('whose row never came is recorded as it ended, and the row is refused when it comes late', async () => {
    const event = usageOf(await draw(), personId);
    expect(await amend({ ...event, amountMicro: '0', outcome: 'failed' })).toEqual([]);
    expect(await ledger.engine.recordUsage([event], gatewayOne)).toEqual({
      refused: [{ usageId: event.usageId, code: 'conflict' }],
    });
    expect(await purse()).toEqual([opening, 1_000, 0]);
    expect(await listed()).toMatchObject([{ amountMicro: '0', outcome: 'failed' }]);
  });

  it('whose row never came, and whose block is gone, was never anything', async () => {
    const event = usageOf(await draw(), personId);
    await ledger.engine.releaseBlock(event.blockId, gatewayOne);
    expect(await amend({ ...event, amountMicro: '0', outcome: 'failed' })).toEqual([]);
    expect(await listed()).toEqual([]);
  });

  it('of a purse that was closed meanwhile goes where its money went', async () => {
    const event = await recorded();
    await ledger.engine.releaseBlock(event.blockId, gatewayOne);
    await ledger.engine.closePurse(personId);
    expect(await amend({ ...event, amountMicro: '0', outcome: 'failed' })).toEqual([]);
    expect(await purse()).toEqual([0, 0, 0]);
  });

  it('with others, each is told for itself, and what is well is done', async () => {
    const [first, second, third] = [await recorded(), await recorded(), await recorded()];
    await ledger.engine.releaseBlock(second.blockId, gatewayOne);
    const failed = (event: UsageEvent) => ({ ...event, amountMicro: '0', outcome: 'failed' as const });
    const events = [failed(first), { ...failed(second), blockId: uuidv7() }, failed(third), failed(second)];
    const { refused } = await ledger.engine.amendUsage(events, gatewayOne);
    // The same id with another body is refused where it comes second.
    expect(refused).toEqual([
      { usageId: second.usageId, code: 'transfer_unknown' },
      { usageId: second.usageId, code: 'conflict' },
    ]);
    expect((await listed()).map(({ usageId, amountMicro }) => [usageId, amountMicro])).toEqual([
      [third.usageId, '0'],
      [second.usageId, '120'],
      [first.usageId, '0'],
    ]);
    expect(await ledger.engine.amendUsage([failed(first), failed(second)], gatewayOne)).toEqual({ refused: [] });
    expect((await purse())[0]).toBe(opening);
  });

  it.each([
    ['costs more than its row', { amountMicro: '121' }, 'amount_invalid'],
    ['costs no whole number', { amountMicro: '1.5' }, 'amount_invalid'],
    ['is of another model', { model: 'acme/other' as const }, 'conflict'],
    ['is of another size', { inputBytes: 41 }, 'conflict'],
    ['is of another person', { personId: uuidv7() }, 'conflict'],
    ['is of no block', { blockId: uuidv7() }, 'transfer_unknown'],
  ])('is refused where it %s', async (_, change, code) => {
    const event = await recorded();
    const amended = { ...event, outcome: 'failed' as const, amountMicro: '0', ...change };
    expect(await amend(amended, gatewayOne)).toEqual([code]);
    expect(await listed()).toMatchObject([{ amountMicro: '120', outcome: 'answered' }]);
  });

  it('is refused from another node, and where it was amended otherwise before', async () => {
    const event = await recorded();
    const failed = { ...event, amountMicro: '0', outcome: 'failed' as const };
    expect(await amend(failed, gatewayTwo)).toEqual(['caller_not_allowed']);
    expect(await amend({ ...failed, blockId: await draw() })).toEqual(['conflict']);
    expect(await amend({ ...failed, amountMicro: '60' })).toEqual([]);
    expect(await amend(failed)).toEqual(['conflict']);
    expect(await amend({ ...failed, amountMicro: '60', outcome: 'abandoned' })).toEqual(['conflict']);
    expect(await amend({ ...failed, amountMicro: '60' })).toEqual([]);
  });
});
