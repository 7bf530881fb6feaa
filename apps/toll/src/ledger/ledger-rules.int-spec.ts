import { uuidv7 } from 'uuidv7';
import { appSchemaDiff } from '#persistence';
import { gatewayOne, type TestLedger, testLedger, usageOf } from './testing/test-ledger.js';

// Code may be wrong: these go round it, with toll's own login, and the database must say no.
describe('the database itself', () => {
  let ledger: TestLedger;
  let personId: string;
  let purseId: string;
  let issuanceId: string;
  let blockId: string;
  beforeAll(async () => {
    ledger = await testLedger();
    personId = await ledger.newPerson();
    const idOf = async (owner: string) =>
      (await ledger.database.pool.query<{ id: string }>('SELECT id FROM toll.account WHERE owner = $1', [owner]))
        .rows[0]?.id ?? '';
    purseId = await idOf(`person:${personId}`);
    issuanceId = await idOf('issuance');
    blockId = uuidv7();
    await ledger.engine.draw(
      { blockId, personId, asset: 'drop', atLeastMicro: '1000', wantedMicro: '1000' },
      gatewayOne,
    );
    await ledger.engine.recordUsage([usageOf(blockId, personId)], gatewayOne);
    await ledger.store.postUsage(10);
  });
  afterAll(async () => {
    await ledger?.close();
  });

  const transfer = (id: string, amount: number) =>
    `INSERT INTO toll.transfer (id, kind, asset, amount_micro, initiator, digest) VALUES ('${id}', 'grant', 'drop', ${amount}, 'x', 'x')`;
  const entry = (id: string, account: string, amount: number, asset = 'drop') =>
    `INSERT INTO toll.entry (transfer_id, account_id, asset, amount_micro) VALUES ('${id}', ${account}, '${asset}', ${amount})`;
  const refused = (statements: string[]) =>
    expect(
      ledger.database.sqlTransaction(async (client) => {
        for (const statement of statements) await client.query(statement);
      }),
    ).rejects.toMatchObject({ code: expect.stringMatching(/^23/) });

  it('refuses a transfer that does not sum to zero', () => {
    const id = uuidv7();
    return refused([transfer(id, 10), entry(id, issuanceId, -10), entry(id, purseId, 11)]);
  });
  it('refuses a transfer whose credits are its amount and whose debits are not', () => {
    const id = uuidv7();
    return refused([transfer(id, 10), entry(id, issuanceId, -9), entry(id, purseId, 10)]);
  });
  it('refuses a transfer with no entries', () => refused([transfer(uuidv7(), 10)]));
  it('refuses a transfer whose entries are not its amount', () => {
    const id = uuidv7();
    return refused([transfer(id, 10), entry(id, issuanceId, -9), entry(id, purseId, 9)]);
  });
  it('refuses entries of another asset', () => {
    const id = uuidv7();
    return refused([transfer(id, 10), entry(id, issuanceId, -10, 'euro'), entry(id, purseId, 10, 'euro')]);
  });
  it('refuses an entry added to a transfer that has happened', async () => {
    const { rows } = await ledger.database.pool.query<{ id: string }>(
      "SELECT id FROM toll.transfer WHERE kind = 'opening'",
    );
    const { rows: revenue } = await ledger.database.pool.query<{ id: string }>(
      "SELECT id FROM toll.account WHERE owner = 'revenue'",
    );
    await refused([entry(rows[0]?.id ?? '', revenue[0]?.id ?? '', 5)]);
  });
  it('refuses a debit below the limit, what is held counted as spent', () => {
    const id = uuidv7();
    return refused([transfer(id, 999_880), entry(id, purseId, -999_880), entry(id, issuanceId, 999_880)]);
  });
  it.each([
    ['a balance set by hand', 'UPDATE toll.account SET balance_micro = balance_micro + 1'],
    ['held money set by hand', 'UPDATE toll.account SET held_micro = 0 WHERE held_micro > 0'],
    [
      'an account that starts with money',
      "INSERT INTO toll.account (owner, asset, balance_micro) VALUES ('revenue', 'euro', 5)",
    ],
    ['an account of nobody', "INSERT INTO toll.account (owner, asset) VALUES ('someone', 'drop')"],
    ['an entry rewritten', 'UPDATE toll.entry SET amount_micro = amount_micro + 1'],
    ['a transfer deleted', 'DELETE FROM toll.transfer'],
    ['usage rewritten', 'UPDATE toll.usage SET amount_micro = 0'],
    ['usage deleted', 'DELETE FROM toll.usage'],
    ['a block spent beyond its amount', "UPDATE toll.hold SET used_micro = amount_micro + 1 WHERE kind = 'block'"],
    [
      'a block given back with usage unposted',
      "UPDATE toll.hold SET used_micro = used_micro + 1, state = 'posted', settled_at = now() WHERE kind = 'block'",
    ],
    ['a block captured beyond its usage', "UPDATE toll.hold SET captured_micro = used_micro + 1 WHERE kind = 'block'"],
    ['a block that posts what was not used', "UPDATE toll.hold SET posted_n = used_n + 1 WHERE kind = 'block'"],
    ['a block that captures less than nothing', "UPDATE toll.hold SET captured_micro = -1 WHERE kind = 'block'"],
    ['a pending hold with an end', "UPDATE toll.hold SET settled_at = now() WHERE state = 'pending'"],
    ['a hold of an unknown kind', "UPDATE toll.hold SET kind = 'other'"],
    ['a hold in an unknown state', "UPDATE toll.hold SET state = 'other', settled_at = now()"],
    ['a hold from and to one account', 'UPDATE toll.hold SET payee_account_id = account_id'],
    ['a hold of nothing', 'UPDATE toll.hold SET amount_micro = 0, captured_micro = 0, used_micro = 0'],
    ['a hold deleted', 'DELETE FROM toll.hold'],
    ['a hold under another id', 'UPDATE toll.hold SET id = gen_random_uuid()'],
    [
      'usage of a block that does not exist',
      `INSERT INTO toll.usage SELECT source, gen_random_uuid(), gen_random_uuid(), n, person_id, kind, model, input_bytes,
         amount_micro, outcome, occurred_at FROM toll.usage`,
    ],
  ])('refuses %s', (_, statement) => refused([statement]));

  it('refuses to open what is settled', async () => {
    const id = uuidv7();
    await ledger.engine.draw({ blockId: id, personId, asset: 'drop', atLeastMicro: '5', wantedMicro: '5' }, gatewayOne);
    await ledger.engine.releaseBlock(id, gatewayOne);
    for (const change of [
      "state = 'pending', settled_at = NULL",
      'used_micro = used_micro + 1',
      'used_n = used_n + 1',
      'used_n = used_n + 1, posted_n = posted_n + 1',
      "expires_at = expires_at + interval '1 hour'",
    ])
      await refused([`UPDATE toll.hold SET ${change} WHERE id = '${id}'`]);
  });

  it('finds a hold sound where each of its rules holds, and nowhere else', async () => {
    const rules = [
      "kind IN ('transfer', 'block')",
      "state IN ('pending', 'posted', 'voided')",
      'account_id <> payee_account_id',
      'amount_micro > 0',
      'captured_micro BETWEEN 0 AND amount_micro',
      "(state = 'pending') = (settled_at IS NULL)",
      "state <> 'posted' OR captured_micro > 0",
      "state <> 'voided' OR captured_micro = 0",
      "kind <> 'transfer' OR (used_micro = 0 AND used_n = 0 AND posted_n = 0)",
      "kind <> 'transfer' OR state <> 'pending' OR captured_micro = 0",
      "kind <> 'block' OR (captured_micro <= used_micro AND used_micro <= amount_micro)",
      "kind <> 'block' OR posted_n BETWEEN 0 AND used_n",
      "kind <> 'block' OR state = 'pending' OR (captured_micro = used_micro AND posted_n = used_n)",
    ];
    const { rows } = await ledger.database.pool.query<{ sound: number; unsound: number; mistaken: number }>(
      `SELECT count(*) FILTER (WHERE sound)::int AS sound, count(*) FILTER (WHERE NOT sound)::int AS unsound,
         count(*) FILTER (WHERE found IS DISTINCT FROM sound)::int AS mistaken
       FROM (SELECT ${rules.map((rule) => `(${rule})`).join(' AND ')} AS sound, toll.hold_is_sound(account_id,
           payee_account_id, kind, state, amount_micro, captured_micro, used_micro, used_n, posted_n, settled_at) AS found
         FROM unnest(ARRAY[1, 2]::bigint[]) account_id, unnest(ARRAY[2]::bigint[]) payee_account_id,
           unnest(ARRAY['transfer', 'block', 'other']) kind, unnest(ARRAY['pending', 'posted', 'voided', 'other']) state,
           unnest(ARRAY[-1, 0, 1, 2]::bigint[]) amount_micro, unnest(ARRAY[-1, 0, 1, 2, 3]::bigint[]) captured_micro,
           unnest(ARRAY[-1, 0, 1, 2, 3]::bigint[]) used_micro, generate_series(-1, 2) used_n, generate_series(-1, 2) posted_n,
           unnest(ARRAY[NULL, now()]) settled_at) AS every`,
    );
    expect(rows).toEqual([{ sound: expect.any(Number), unsound: expect.any(Number), mistaken: 0 }]);
    expect(Math.min(rows[0]?.sound ?? 0, rows[0]?.unsound ?? 0)).toBeGreaterThan(50);
  });

  it('asks of every change of a settled hold but of what can only change with another, in columns to come, too', async () => {
    const { rows } = await ledger.database.pool.query<{ name: string }>(
      `SELECT a.attname AS name FROM pg_attribute a JOIN pg_trigger t ON t.tgrelid = a.attrelid AND t.tgname = 'hold_stays_settled'
       WHERE a.attrelid = 'toll.hold'::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attnum <> ALL (t.tgattr::int2[])
       ORDER BY name`,
    );
    expect(rows.map(({ name }) => name)).toEqual(['used_micro', 'used_n']);
  });

  it('has in its migration what the Prisma schema says', async () => {
    expect(await appSchemaDiff(ledger.template.adminUrl, 'toll')).toBe('');
  });
});
