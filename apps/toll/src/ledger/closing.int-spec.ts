import pg from 'pg';
import { uuidv7 } from 'uuidv7';
import { AllowanceRepository } from '../allowance/allowance.repository.js';
import { brokenInvariants, gatewayOne, type TestLedger, testLedger, usageOf } from './testing/test-ledger.js';

describe('a purse that is closed', () => {
  let ledger: TestLedger;
  let admin: pg.Client;
  beforeAll(async () => {
    ledger = await testLedger();
    admin = new pg.Client({ connectionString: ledger.template.adminUrl });
    await admin.connect();
  }, 30_000);
  afterAll(async () => {
    expect(await brokenInvariants(admin)).toEqual([]);
    await admin.end();
    await ledger.close();
  });

  const grant = (personId: string, transferId = uuidv7()) =>
    ledger.engine.grant({ transferId, personId, amountMicro: '7', asset: 'drop', operatorId: 'o', memo: '' });

  it('gives its rest back to issuance once, keeps its entries, and takes nothing more', async () => {
    const personId = await ledger.newPerson();
    const transferId = uuidv7();
    await grant(personId, transferId);
    const both = await Promise.all([ledger.engine.closePurse(personId), ledger.engine.closePurse(personId)]);
    expect(both.map(({ returnedMicro }) => returnedMicro).sort()).toEqual(['0', '1000007']);
    expect(both.every(({ settled }) => settled)).toBe(true);
    const { items } = await ledger.engine.statement(personId, { limit: 10 });
    expect(items.map(({ kind, amountMicro }) => [kind, amountMicro])).toEqual([
      ['closing', '-1000007'],
      ['grant', '7'],
      ['opening', '1000000'],
    ]);
    await expect(grant(personId)).rejects.toMatchObject({ code: 'not_found' });
    // The grant from before, asked for again, is still the same grant.
    await expect(grant(personId, transferId)).resolves.toMatchObject({ balanceMicro: '1000007' });
    await expect(ledger.engine.openPurse(personId)).resolves.toMatchObject({ balanceMicro: '0' });
    const rules = { poolMicro: 1_000_000n, leastSharers: 1 };
    const order = { blockId: uuidv7(), personId, asset: 'drop', amountMicro: 1n, source: gatewayOne, ttlMs: 1_000 };
    expect(await new AllowanceRepository(ledger.database).draw(order, rules)).toBeUndefined();
  });

  it('is settled when the last block came back, and what that brought went the same way', async () => {
    const personId = await ledger.newPerson();
    const blockId = uuidv7();
    const block = { blockId, personId, asset: 'drop', atLeastMicro: '1', wantedMicro: '5000' };
    await ledger.engine.draw(block, gatewayOne);
    expect(await ledger.engine.closePurse(personId)).toMatchObject({ settled: false, returnedMicro: '995000' });
    await ledger.engine.recordUsage([usageOf(blockId, personId)], gatewayOne);
    await ledger.engine.releaseBlock(blockId, gatewayOne);
    expect(await ledger.engine.closePurse(personId)).toMatchObject({ settled: true, returnedMicro: '4880' });
    expect(await ledger.engine.purse(personId)).toMatchObject({ balanceMicro: '0', heldMicro: '0' });
  });

  it('is never opened by an opening that comes too late', async () => {
    const personId = uuidv7();
    expect(await ledger.engine.closePurse(personId)).toMatchObject({ settled: true, returnedMicro: '0' });
    expect(await ledger.engine.openPurse(personId)).toMatchObject({ balanceMicro: '0' });
  });
});
