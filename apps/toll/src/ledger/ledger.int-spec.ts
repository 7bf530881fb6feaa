import { uuidv7 } from 'uuidv7';
import {
  brokenInvariants,
  gatewayOne,
  gatewayTwo,
  type TestLedger,
  testLedger,
  usageOf,
} from './testing/test-ledger.js';

const operatorId = 'o'.repeat(43);

describe('the ledger', () => {
  let ledger: TestLedger;
  beforeAll(async () => {
    ledger = await testLedger();
  });
  afterAll(async () => {
    await ledger?.close();
  });
  afterEach(async () => {
    expect(await brokenInvariants(ledger.database.pool)).toEqual([]);
  });

  const draw = (
    personId: string,
    wantedMicro: string,
    over: { blockId?: string; source?: string; atLeast?: string } = {},
  ) =>
    ledger.engine.draw(
      { blockId: over.blockId ?? uuidv7(), personId, asset: 'drop', atLeastMicro: over.atLeast ?? '1', wantedMicro },
      over.source ?? gatewayOne,
    );
  const record = (events: ReturnType<typeof usageOf>[], source = gatewayOne) =>
    ledger.engine.recordUsage(events, source);
  const expireNow = (aheadMs = 0) => ledger.store.expire(1_000, new Date(Date.now() + aheadMs));

  describe('purses', () => {
    it('opens a purse once, with one opening balance, however many ask at once', async () => {
      const personId = uuidv7();
      const opened = await Promise.all(Array.from({ length: 8 }, () => ledger.engine.openPurse(personId)));
      expect(new Set(opened.map(({ balanceMicro }) => balanceMicro))).toEqual(new Set(['1000000']));
      const { items } = await ledger.engine.statement(personId, { limit: 50 });
      expect(items).toMatchObject([{ kind: 'opening', amountMicro: '1000000', balanceAfterMicro: '1000000' }]);
    });

    it('grants once for an id, and answers a repetition with the first outcome', async () => {
      const personId = await ledger.newPerson();
      const grant = { transferId: uuidv7(), personId, amountMicro: '500', asset: 'drop', operatorId, memo: 'welcome' };
      const answers = await Promise.all(Array.from({ length: 5 }, () => ledger.engine.grant(grant)));
      expect(answers).toEqual(Array(5).fill({ transferId: grant.transferId, balanceMicro: '1000500' }));
      await ledger.engine.grant({ ...grant, transferId: uuidv7() });
      expect(await ledger.engine.grant(grant)).toEqual(answers[0]);
      await expect(ledger.engine.grant({ ...grant, amountMicro: '501' })).rejects.toMatchObject({ code: 'conflict' });
      expect((await ledger.engine.purse(personId)).balanceMicro).toBe('1001000');
    });

    it.each([
      ['0', 'amount_invalid'],
      ['-1', 'amount_invalid'],
      ['9'.repeat(31), 'amount_invalid'],
    ])('refuses a grant of %s', async (amountMicro, code) => {
      const personId = await ledger.newPerson();
      const grant = { transferId: uuidv7(), personId, amountMicro, asset: 'drop', operatorId, memo: '' };
      await expect(ledger.engine.grant(grant)).rejects.toMatchObject({ code });
    });

    it('knows no purse that was never opened', async () => {
      const personId = uuidv7();
      await expect(ledger.engine.purse(personId)).rejects.toMatchObject({ code: 'not_found' });
      await expect(draw(personId, '5')).rejects.toMatchObject({ code: 'not_found' });
    });
  });

  describe('holds', () => {
    const holdOf = (personId: string, amountMicro = '400', over = {}) => ({
      transferId: uuidv7(),
      personId,
      payee: 'revenue',
      amountMicro,
      asset: 'drop',
      expiresAt: ledger.inLater(60_000),
      ...over,
    });

    it('sets aside, captures a part once, and gives back the rest', async () => {
      const personId = await ledger.newPerson();
      const hold = holdOf(personId);
      expect(await ledger.engine.hold(hold, gatewayOne)).toMatchObject({ state: 'pending', amountMicro: '400' });
      expect(await ledger.engine.hold(hold, gatewayOne)).toMatchObject({ state: 'pending' });
      expect(await ledger.engine.purse(personId)).toMatchObject({
        balanceMicro: '1000000',
        heldMicro: '400',
        availableMicro: '999600',
      });
      const captures = await Promise.all([1, 2, 3].map(() => ledger.engine.capture(hold.transferId, '150')));
      expect(captures).toEqual(Array(3).fill({ transferId: hold.transferId, state: 'posted', amountMicro: '150' }));
      expect(await ledger.engine.purse(personId)).toMatchObject({ balanceMicro: '999850', heldMicro: '0' });
      await expect(ledger.engine.capture(hold.transferId, '151')).rejects.toMatchObject({ code: 'conflict' });
      await expect(ledger.engine.void(hold.transferId)).rejects.toMatchObject({ code: 'transfer_settled' });
    });

    it('voids once and for all', async () => {
      const personId = await ledger.newPerson();
      const hold = holdOf(personId, '1000000');
      await ledger.engine.hold(hold, gatewayOne);
      expect(await ledger.engine.void(hold.transferId)).toMatchObject({ state: 'voided' });
      expect(await ledger.engine.void(hold.transferId)).toMatchObject({ state: 'voided' });
      await expect(ledger.engine.capture(hold.transferId, '1')).rejects.toMatchObject({ code: 'transfer_settled' });
      expect((await ledger.engine.purse(personId)).availableMicro).toBe('1000000');
    });

    it('never sets aside more than there is, whoever asks at once', async () => {
      const personId = await ledger.newPerson();
      const asked = await Promise.allSettled(
        Array.from({ length: 8 }, () => ledger.engine.hold(holdOf(personId, '300000'), gatewayOne)),
      );
      expect(asked.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
      for (const one of asked)
        if (one.status === 'rejected')
          expect(one.reason).toMatchObject({ code: 'purse_empty', details: { availableMicro: '100000' } });
    });

    it('refuses a capture past the expiry by the database clock, and lets go of the money with it', async () => {
      const personId = await ledger.newPerson();
      const { rows } = await ledger.database.pool.query<{ soon: Date }>(
        "SELECT clock_timestamp() + interval '150 ms' AS soon",
      );
      const hold = holdOf(personId, '400', { expiresAt: rows[0]?.soon.toISOString() });
      await ledger.engine.hold(hold, gatewayOne);
      await ledger.database.pool.query('SELECT pg_sleep(0.2)');
      await expect(ledger.engine.capture(hold.transferId, '1')).rejects.toMatchObject({ code: 'transfer_settled' });
      expect((await ledger.engine.purse(personId)).heldMicro).toBe('0');
    });

    it('expires what is late and nothing else', async () => {
      const personId = await ledger.newPerson();
      const late = holdOf(personId, '10', { expiresAt: ledger.inLater(3_000) });
      const later = holdOf(personId, '20', { expiresAt: ledger.inLater(90_000) });
      for (const hold of [late, later]) await ledger.engine.hold(hold, gatewayOne);
      await expireNow(10_000);
      expect((await ledger.engine.purse(personId)).heldMicro).toBe('20');
      expect(await ledger.engine.hold(late, gatewayOne)).toMatchObject({ state: 'voided' });
    });

    it.each([
      ['another amount', { amountMicro: '401' }],
      ['another payee', { payee: `peer:${'p'.repeat(43)}` }],
    ])('calls the same id with %s a conflict', async (_, change) => {
      const hold = holdOf(await ledger.newPerson());
      await ledger.engine.hold(hold, gatewayOne);
      await expect(ledger.engine.hold({ ...hold, ...change }, gatewayOne)).rejects.toMatchObject({ code: 'conflict' });
    });

    it.each([
      ['a payee that is no account', { payee: 'issuance' }, 'invalid_request'],
      ['an expiry in the past', { expiresAt: '2020-01-01T00:00:00Z' }, 'invalid_request'],
      ['nothing', { amountMicro: '0' }, 'amount_invalid'],
      ['an asset nobody has', { asset: 'euro' }, 'not_found'],
    ])('refuses %s', async (_, change, code) => {
      const hold = holdOf(await ledger.newPerson(), '400', change);
      await expect(ledger.engine.hold(hold, gatewayOne)).rejects.toMatchObject({ code });
    });

    it('pays another person', async () => {
      const [payer, payee] = [await ledger.newPerson(), await ledger.newPerson()];
      const hold = holdOf(payer, '250', { payee: `person:${payee}` });
      await ledger.engine.hold(hold, gatewayOne);
      await ledger.engine.capture(hold.transferId, '250');
      expect((await ledger.engine.purse(payee)).balanceMicro).toBe('1000250');
      await expect(ledger.engine.capture(uuidv7(), '1')).rejects.toMatchObject({ code: 'transfer_unknown' });
    });
  });

  describe('blocks and usage', () => {
    it('gives up to what is wanted, at least what is needed, to the node that asked', async () => {
      const personId = await ledger.newPerson();
      const block = await draw(personId, '900000');
      expect(block.amountMicro).toBe('900000');
      expect((await draw(personId, '900000')).amountMicro).toBe('100000');
      await expect(draw(personId, '5', { atLeast: '2' })).rejects.toMatchObject({ code: 'purse_empty' });
      await expect(draw(personId, '5', { blockId: block.blockId, source: gatewayTwo })).rejects.toMatchObject({
        code: 'caller_not_allowed',
      });
      await expect(draw(await ledger.newPerson(), '5', { blockId: block.blockId })).rejects.toMatchObject({
        code: 'conflict',
      });
    });

    it('draws one block for one id, and renews it when asked again', async () => {
      const personId = await ledger.newPerson();
      const blockId = uuidv7();
      const drawn = await Promise.all(Array.from({ length: 6 }, () => draw(personId, '1000', { blockId })));
      expect(new Set(drawn.map(({ amountMicro }) => amountMicro))).toEqual(new Set(['1000']));
      expect((await ledger.engine.purse(personId)).heldMicro).toBe('1000');
      await ledger.database.pool.query('UPDATE toll.hold SET expires_at = clock_timestamp() WHERE id = $1', [blockId]);
      const renewed = await draw(personId, '1000', { blockId });
      expect(Date.parse(renewed.expiresAt)).toBeGreaterThan(Date.now() + 30_000);
    });

    it('records usage once, shows it as unposted, posts it in one transfer that lists it', async () => {
      const personId = await ledger.newPerson();
      const { blockId } = await draw(personId, '1000');
      const events = [usageOf(blockId, personId), usageOf(blockId, personId, { amountMicro: '0', outcome: 'failed' })];
      expect(await record(events)).toEqual({ refused: [] });
      expect(await record(events)).toEqual({ refused: [] });
      expect(await ledger.engine.purse(personId)).toMatchObject({
        balanceMicro: '1000000',
        heldMicro: '1000',
        unpostedMicro: '120',
      });
      const before = await ledger.engine.statement(personId, { limit: 50 });
      expect(before.unposted.map(({ usageId }) => usageId).sort()).toEqual(events.map(({ usageId }) => usageId).sort());
      await ledger.store.postUsage(100);
      const after = await ledger.engine.statement(personId, { limit: 50 });
      expect(after.unposted).toEqual([]);
      expect(after.items[0]).toMatchObject({
        kind: 'usage',
        amountMicro: '-120',
        balanceAfterMicro: '999880',
        usageIds: events.map(({ usageId }) => usageId),
      });
      expect(await ledger.engine.purse(personId)).toMatchObject({
        balanceMicro: '999880',
        heldMicro: '880',
        unpostedMicro: '0',
      });
      const { items } = await ledger.engine.usage(personId, { limit: 10 });
      expect(new Set(items.map(({ transferId }) => transferId))).toEqual(new Set([after.items[0]?.transferId]));
      expect(items.find(({ usageId }) => usageId === events[0]?.usageId)).toMatchObject({ ...events[0] });
    });

    it('never records beyond a block, and lets one event too large take no neighbour with it', async () => {
      const personId = await ledger.newPerson();
      const { blockId } = await draw(personId, '300');
      const tooLarge = usageOf(blockId, personId, { amountMicro: '301' });
      const fitting = [usageOf(blockId, personId), usageOf(blockId, personId)];
      expect(await record([tooLarge, ...fitting])).toEqual({
        refused: [{ usageId: tooLarge.usageId, code: 'budget_exhausted' }],
      });
      const oneMore = usageOf(blockId, personId);
      expect((await record([oneMore])).refused).toEqual([{ usageId: oneMore.usageId, code: 'budget_exhausted' }]);
      expect((await record([usageOf(blockId, personId, { amountMicro: '60' })])).refused).toEqual([]);
    });

    it('refuses what is not its caller’s, by code', async () => {
      const [personId, other] = [await ledger.newPerson(), await ledger.newPerson()];
      const { blockId } = await draw(personId, '1000');
      const recorded = usageOf(blockId, personId);
      await record([recorded]);
      const cases = [
        [usageOf(uuidv7(), personId), 'transfer_unknown'],
        [usageOf(blockId, other), 'conflict'],
        [{ ...recorded, amountMicro: '121' }, 'conflict'],
        [usageOf(blockId, personId, { amountMicro: '-1' }), 'amount_invalid'],
      ] as const;
      const { refused } = await record(cases.map(([event]) => event));
      expect(refused).toEqual(cases.map(([{ usageId }, code]) => ({ usageId, code })));
      const forged = usageOf(blockId, personId);
      expect((await record([forged], gatewayTwo)).refused).toEqual([
        { usageId: forged.usageId, code: 'caller_not_allowed' },
      ]);
    });

    it('shows every event exactly once, posted or not, however the reading falls between postings', async () => {
      const personId = await ledger.newPerson();
      const { blockId } = await draw(personId, '100000');
      let recorded = 0;
      let reading = true;
      const reader = async (): Promise<void> => {
        while (reading) {
          const before = recorded; // durable before the reading began: not missing after it
          const { items, unposted } = await ledger.engine.statement(personId, { limit: 200 });
          const seen = [...items.flatMap(({ usageIds }) => usageIds), ...unposted.map(({ usageId }) => usageId)];
          expect(new Set(seen).size).toBe(seen.length);
          expect(seen.length).toBeGreaterThanOrEqual(before);
          const booked = items.reduce((sum, { amountMicro }) => sum + BigInt(amountMicro), 0n);
          expect(booked).toBe(BigInt(items[0]?.balanceAfterMicro ?? '0'));
        }
      };
      const readers = [reader(), reader()];
      try {
        for (let round = 0; round < 60; round += 1) {
          await record([usageOf(blockId, personId)]);
          recorded += 1;
          await ledger.store.postUsage(100);
        }
      } finally {
        reading = false;
      }
      await Promise.all(readers);
    });

    it('releases a block after posting its usage, and takes no usage for it afterwards', async () => {
      const personId = await ledger.newPerson();
      const { blockId } = await draw(personId, '1000');
      await record([usageOf(blockId, personId)]);
      await expect(ledger.engine.releaseBlock(blockId, gatewayTwo)).rejects.toMatchObject({
        code: 'caller_not_allowed',
      });
      await Promise.all([1, 2].map(() => ledger.engine.releaseBlock(blockId, gatewayOne)));
      expect(await ledger.engine.purse(personId)).toMatchObject({
        balanceMicro: '999880',
        heldMicro: '0',
        unpostedMicro: '0',
      });
      const late = usageOf(blockId, personId);
      expect((await record([late])).refused).toEqual([{ usageId: late.usageId, code: 'transfer_settled' }]);
      await expect(draw(personId, '1000', { blockId })).rejects.toMatchObject({ code: 'transfer_settled' });
    });

    it('gives back the block of a gateway that has gone, after its usage is posted', async () => {
      const personId = await ledger.newPerson();
      const [gone, alive] = [await draw(personId, '1000'), await draw(personId, '2000', { source: gatewayTwo })];
      await record([usageOf(gone.blockId, personId)]);
      await expireNow(30_000);
      expect((await ledger.engine.purse(personId)).heldMicro).toBe('3000');
      await ledger.database.pool.query(
        "UPDATE toll.hold SET expires_at = clock_timestamp() + interval '5 minutes' WHERE id = $1",
        [alive.blockId],
      );
      await expireNow(61_000);
      expect(await ledger.engine.purse(personId)).toMatchObject({
        balanceMicro: '999880',
        heldMicro: '2000',
        unpostedMicro: '0',
      });
    });

    it('renews every block after a jump of the clock', async () => {
      const personId = await ledger.newPerson();
      const { blockId } = await draw(personId, '10');
      await ledger.database.pool.query(
        "UPDATE toll.hold SET expires_at = clock_timestamp() - interval '1 hour' WHERE id = $1",
        [blockId],
      );
      expect(await ledger.store.extendBlocks(60_000)).toBeGreaterThan(0);
      await expireNow();
      expect((await ledger.engine.purse(personId)).heldMicro).toBe('10');
    });
  });

  describe('statements', () => {
    it('pages through all entries and all usage without loss', async () => {
      const personId = await ledger.newPerson();
      const { blockId } = await draw(personId, '100000');
      for (let n = 0; n < 7; n += 1) {
        await record([
          usageOf(blockId, personId, { amountMicro: String(n + 1) }),
          usageOf(blockId, personId, { amountMicro: '1' }),
        ]);
        await ledger.store.postUsage(100);
      }
      const entries: string[] = [];
      const usage: string[] = [];
      for (let cursor: string | undefined, more = true; more; more = cursor !== undefined) {
        const page = await ledger.engine.statement(personId, { limit: 3, ...(cursor ? { cursor } : {}) });
        entries.push(...page.items.map(({ amountMicro }) => amountMicro));
        cursor = page.nextCursor;
      }
      for (let cursor: string | undefined, more = true; more; more = cursor !== undefined) {
        const page = await ledger.engine.usage(personId, { limit: 4, ...(cursor ? { cursor } : {}) });
        usage.push(...page.items.map(({ usageId }) => usageId));
        cursor = page.nextCursor;
      }
      expect(entries).toEqual(['-8', '-7', '-6', '-5', '-4', '-3', '-2', '1000000']);
      expect(new Set(usage).size).toBe(14);
      expect(usage).toEqual([...usage].sort().reverse());
    });

    it.each(['%%%', 'aGVsbG8', Buffer.from('1 2 3').toString('base64url')])(
      'refuses the cursor "%s"',
      async (cursor) => {
        const personId = await ledger.newPerson();
        await expect(ledger.engine.statement(personId, { limit: 3, cursor })).rejects.toMatchObject({
          code: 'cursor_invalid',
        });
        await expect(ledger.engine.usage(personId, { limit: 3, cursor })).rejects.toMatchObject({
          code: 'cursor_invalid',
        });
      },
    );

    it('sums to zero, and its usage to what was posted and what was not', async () => {
      await ledger.store.postUsage(1_000);
      const personId = await ledger.newPerson();
      const { blockId } = await draw(personId, '1000');
      await record([usageOf(blockId, personId, { amountMicro: '77' })]);
      const totals = await ledger.engine.totals();
      const drop = totals.assets.find(({ asset }) => asset === 'drop');
      expect(drop?.sumMicro).toBe('0');
      expect(BigInt(drop?.usageMicro ?? 0) - BigInt(drop?.postedUsageMicro ?? 0)).toBe(77n);
      expect(totals.unpostedUsageEvents).toBe(1);
    });
  });
});
