import fc from 'fast-check';
import pg from 'pg';
import { uuidv7 } from 'uuidv7';
import { propertyRuns } from '#testing';
import {
  blockTtlMs,
  brokenInvariants,
  gatewayOne,
  gatewayTwo,
  type TestLedger,
  testLedger,
  usageOf,
} from '../ledger/testing/test-ledger.js';
import { AllowanceRepository } from './allowance.repository.js';
import type { AllowanceRules } from './engine/allowance.ports.js';
import { AllowanceEngine } from './engine/allowance-engine.js';

const rules: AllowanceRules = { poolMicro: 100_000n, leastSharers: 10 };

describe('the essential allowance', () => {
  let ledger: TestLedger;
  let admin: pg.Pool;
  let store: AllowanceRepository;
  let engine: AllowanceEngine;

  beforeEach(async () => {
    ledger = await testLedger();
    admin = new pg.Pool({ connectionString: ledger.template.adminUrl, max: 4 });
    store = new AllowanceRepository(ledger.database);
    engine = engineBy(rules);
  }, 30_000);
  afterEach(async () => {
    expect(await brokenInvariants(admin)).toEqual([]);
    await admin.end();
    await ledger.close();
  });

  const engineBy = (by: AllowanceRules) =>
    new AllowanceEngine({
      store,
      ledger: ledger.engine,
      asset: 'drop',
      rules: by,
      blockTtlMs,
      onGiven: () => undefined,
    });
  /** Someone with an empty purse, who came so many days ago. */
  const poor = async (daysAgo = 1) => (await crowd(1, daysAgo))[0] ?? '';
  const crowd = async (size: number, daysAgo: number) => {
    const ids = Array.from({ length: size }, () => uuidv7());
    await admin.query(`SELECT toll.open_purse(id, 'drop', 0) FROM unnest($1::uuid[]) id`, [ids]);
    await admin.query(
      `UPDATE toll.account SET created_at = created_at - $2 * interval '1 day' WHERE owner = ANY ($1::text[])`,
      [ids.map((id) => `person:${id}`), daysAgo],
    );
    return ids;
  };
  const draw = (personId: string, atLeast = '120', source = gatewayOne, wanted = '1000000', by = engine) =>
    by.draw({ blockId: uuidv7(), personId, asset: 'drop', atLeastMicro: atLeast, wantedMicro: wanted }, source);
  const code = (work: Promise<unknown>) =>
    work.then(
      () => 'ok',
      (error: { code?: string }) => error.code,
    );
  const given = async () => {
    const { rows } = await admin.query<{ sum: string }>(
      `SELECT coalesce(sum(amount_micro), 0)::text AS sum FROM toll.transfer WHERE kind = 'allowance'`,
    );
    return BigInt(rows[0]?.sum ?? '0');
  };

  it('pays a request of an empty purse, and stands in the statement like any other entry', async () => {
    const personId = await poor();
    const { blockId, amountMicro } = await draw(personId);
    expect(amountMicro).toBe('120');
    await ledger.engine.recordUsage([usageOf(blockId, personId)], gatewayOne);
    await ledger.engine.releaseBlock(blockId, gatewayOne);
    const { items } = await ledger.engine.statement(personId, { limit: 10 });
    expect(
      items.map(({ kind, amountMicro, balanceAfterMicro, asset }) => [kind, amountMicro, balanceAfterMicro, asset]),
    ).toEqual([
      ['usage', '-120', '0', 'drop'],
      ['allowance', '120', '120', 'drop'],
    ]);
    expect(await engine.allowance(personId)).toMatchObject({
      asset: 'drop',
      poolMicro: '100000',
      givenMicro: '120',
      shareMicro: '10000',
      mineMicro: '120',
      leftMicro: '9880',
    });
  });

  it('gives only what is lacking, and nothing to a purse that holds enough', async () => {
    const personId = await poor();
    await ledger.engine.grant({
      transferId: uuidv7(),
      personId,
      amountMicro: '100',
      asset: 'drop',
      operatorId: 'o',
      memo: '',
    });
    const first = await draw(personId, '100');
    expect([first.amountMicro, await given()]).toEqual(['100', 0n]);
    await ledger.engine.releaseBlock(first.blockId, gatewayOne);
    const second = await draw(personId, '120');
    expect([second.amountMicro, await given()]).toEqual(['120', 20n]);
    await ledger.engine.releaseBlock(second.blockId, gatewayOne);
    // What a request that failed gave back is there for the next.
    expect(await code(draw(personId, '120'))).toBe('ok');
    expect(await given()).toBe(20n);
  });

  it('gives nothing to a purse whose money lies in a block elsewhere, but pays requests side by side', async () => {
    const rich = await ledger.newPerson();
    await draw(rich, '120', gatewayTwo, '1000000');
    expect(await code(draw(rich))).toBe('purse_empty');
    const person = await poor();
    const blocks = await Promise.all([draw(person), draw(person), draw(person)]);
    expect(blocks.map(({ amountMicro }) => amountMicro)).toEqual(['120', '120', '120']);
    expect(await given()).toBe(360n);
  });

  it("ends with a person's share, and with the pool", async () => {
    const personId = await poor();
    expect(await code(draw(personId, '10001'))).toBe('purse_empty');
    expect(await code(draw(personId, '10000'))).toBe('ok');
    expect(await code(draw(personId, '1'))).toBe('purse_empty');
    const others = await crowd(12, 1);
    const codes = await Promise.all(others.map((each) => code(draw(each, '10000'))));
    expect(codes.filter((each) => each === 'ok')).toHaveLength(9);
    expect(await given()).toBe(100_000n);
    expect(await engine.allowance(await poor())).toMatchObject({ leftMicro: '0' });
  });

  it('gives a thousand who signed up today no more than half of the pool, and leaves the rest to who was there', async () => {
    const [elder, fresh] = [await poor(), await crowd(1_000, 0)];
    await Promise.all(fresh.map((each) => code(draw(each, '900'))));
    expect(await given()).toBe(49_500n);
    expect(await engine.allowance(fresh[0] ?? '')).toMatchObject({ leftMicro: '500' });
    expect(await code(draw(elder, '9000'))).toBe('ok');
  }, 60_000);

  it('divides the next day by those who had some today, by the clock of the database', async () => {
    const people = await crowd(20, 5);
    const topUp = async (personId: string, amount: number, day: number) => {
      const { rows } = await admin.query<{ given_micro: string }>(
        `SELECT given_micro FROM toll.top_up($1, 'drop', $2, 100000, 10, '2030-01-01T23:59:59.999Z'::timestamptz + $3 * interval '1 day')`,
        [personId, amount, day],
      );
      return Number(rows[0]?.given_micro);
    };
    for (const person of people) await topUp(person, 100, 0);
    expect(await topUp(people[0] ?? '', 5_101, 1)).toBe(0);
    expect(await topUp(people[0] ?? '', 5_100, 1)).toBe(5_000);
    // Nobody but one had some on that day: the least number of sharers counts again.
    expect(await topUp(people[1] ?? '', 10_100, 2)).toBe(10_000);
    const { rows } = await admin.query(`SELECT day::text, share_micro FROM toll.allowance_day ORDER BY day`);
    expect(rows.map((row) => Number(row.share_micro))).toEqual([10_000, 5_000, 10_000]);
  });

  it('gives nothing where the operator set no pool', async () => {
    const none = engineBy({ ...rules, poolMicro: 0n });
    const personId = await poor();
    expect(await code(draw(personId, '1', gatewayOne, '1', none))).toBe('purse_empty');
    expect(await none.allowance(personId)).toMatchObject({ poolMicro: '0', leftMicro: '0' });
    expect(await given()).toBe(0n);
  });

  it('never gives more than its pool, its shares and its part for newcomers, whoever asks for what, and when', async () => {
    const person = fc.nat(5);
    const step = fc.record({ person, amount: fc.integer({ min: 1, max: 9_000 }), day: fc.nat(2), use: fc.boolean() });
    const round = fc.array(fc.array(step, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 8 });
    const base = { epoch: 0 };
    await fc.assert(
      fc.asyncProperty(
        round,
        fc.integer({ min: 0, max: 40_000 }),
        fc.integer({ min: 1, max: 8 }),
        async (rounds, pool, least) => {
          base.epoch += 10;
          // Half of them came on the run's first day.
          const start = `'2031-01-01T12:00:00Z'::timestamptz + ${base.epoch} * interval '1 day'`;
          const people = await crowd(6, 1);
          for (const [n, each] of people.entries())
            await admin.query(
              `UPDATE toll.account SET created_at = ${start} - $2 * interval '1 day' WHERE owner = $1`,
              [`person:${each}`, n % 2],
            );
          const before = await given();
          for (const steps of rounds) {
            // Side by side, on connections of their own.
            await Promise.all(
              steps.map(async ({ person: n, amount, day, use }) => {
                const personId = people[n] ?? '';
                await ledger.database.pool.query(
                  `SELECT * FROM toll.top_up($1, 'drop', $2, $3, $4, ${start} + $5 * interval '1 day')`,
                  [personId, amount, pool, least, day],
                );
                if (!use) return;
                const drawn = await ledger.engine
                  .draw(
                    { blockId: uuidv7(), personId, asset: 'drop', atLeastMicro: '1', wantedMicro: '9000' },
                    gatewayOne,
                  )
                  .catch(() => undefined);
                if (!drawn) return;
                const event = usageOf(drawn.blockId, personId, { amountMicro: drawn.amountMicro });
                await ledger.engine.recordUsage([event], gatewayOne);
                await ledger.engine.releaseBlock(drawn.blockId, gatewayOne);
              }),
            );
          }
          expect(await brokenInvariants(admin)).toEqual([]);
          const days = new Set(rounds.flat().map(({ day }) => day)).size;
          expect(Number((await given()) - before)).toBeLessThanOrEqual(days * pool);
        },
      ),
      propertyRuns(10),
    );
  }, 120_000);
});
