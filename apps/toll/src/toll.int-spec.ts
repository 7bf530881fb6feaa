import { uuidv7 } from 'uuidv7';
import {
  dataLocationPolicy,
  type GrantClaims,
  pricesChanged,
  tollAllowance,
  tollClosePurse,
  tollDraw,
  tollHold,
  tollOpenPurse,
  tollPrices,
  tollPurse,
  tollRecordUsage,
  tollSetPrice,
  tollStatement,
  tollTotals,
  tollUsage,
} from '#contracts';
import type { ClusterNode, RunningApp } from '#node';
import { generateSigil, type Sigil, signGrant, verifyDocument } from '#sigil';
import { AppStand, eventually } from '#testing';
import { startToll } from './app.js';
import { usageOf } from './ledger/testing/test-ledger.js';

describe('toll on the bus', () => {
  let stand: AppStand;
  let toll: RunningApp;
  let gateway: ClusterNode;
  let other: ClusterNode;
  let runner: ClusterNode;
  let grantKey: Sigil;
  /** A grant as the first gateway makes them, where the test changes nothing in it. */
  const grantFor = (personId: string, change: Partial<GrantClaims> = {}, sigil = grantKey): Promise<string> => {
    const iat = Math.floor(Date.now() / 1000);
    const policy = dataLocationPolicy.parse({ allowedRegions: ['EU'] });
    const claims = { iss: gateway.nodeId, aud: stand.clusterId, sub: personId, action: 'spend' as const, policy };
    return signGrant({ ...claims, jti: uuidv7(), iat, exp: iat + 60, ...change }, sigil);
  };
  const forPerson = async (personId: string) => ({ personId, grant: await grantFor(personId) });
  const start = () =>
    stand.hold(startToll(stand.env('toll', { TOLL_POST_DELAY_MS: '200' }), { index: stand.index.port() }));
  beforeAll(async () => {
    stand = await AppStand.open();
    grantKey = await generateSigil('grant');
    toll = await start();
    gateway = await stand.join(['gateway'], {
      name: 'gateway-one',
      purposeKeys: [{ purpose: 'grant', key: grantKey.publicJwk }],
    });
    other = await stand.join(['gateway'], { name: 'gateway-two' });
    runner = await stand.join(['runner']);
    await Promise.all([gateway, other, runner].map((node) => node.directory.waitFor('toll', 5_000)));
  });
  afterAll(() => stand?.close());

  it('opens a purse, gives a block, makes usage durable and posts it within a second', async () => {
    const personId = uuidv7();
    expect(await gateway.bus.call(tollOpenPurse, await forPerson(personId))).toMatchObject({
      balanceMicro: '1000000',
      asset: 'drop',
    });
    const blockId = uuidv7();
    const drawn = await gateway.bus.call(tollDraw, {
      ...(await forPerson(personId)),
      blockId,
      asset: 'drop',
      atLeastMicro: '100',
      wantedMicro: '5000',
    });
    expect(drawn).toMatchObject({ blockId, amountMicro: '5000' });
    const events = Array.from({ length: 20 }, () => usageOf(blockId, personId));
    expect(await gateway.bus.call(tollRecordUsage, { events })).toEqual({ refused: [] });
    expect(await gateway.bus.call(tollPurse, await forPerson(personId))).toMatchObject({
      heldMicro: '5000',
      unpostedMicro: '2400',
    });
    const statement = await eventually(
      async () => {
        const found = await gateway.bus.call(tollStatement, await forPerson(personId));
        expect(found.unposted).toEqual([]);
        return found;
      },
      { timeoutMs: 1_000 },
    );
    expect(statement.items).toMatchObject([{ kind: 'usage', amountMicro: '-2400' }, { kind: 'opening' }]);
    expect(statement.items[0]?.usageIds).toHaveLength(20);
    expect((await gateway.bus.call(tollTotals, {})).assets).toMatchObject([{ asset: 'drop', sumMicro: '0' }]);
  });

  it('knows the holder of a block by the bus alone', async () => {
    const personId = uuidv7();
    await gateway.bus.call(tollOpenPurse, await forPerson(personId));
    const blockId = uuidv7();
    const wanted = { ...(await forPerson(personId)), blockId, asset: 'drop', atLeastMicro: '1', wantedMicro: '500' };
    await gateway.bus.call(tollDraw, wanted);
    await expect(other.bus.call(tollDraw, wanted)).rejects.toMatchObject({ code: 'caller_not_allowed' });
    const event = usageOf(blockId, personId);
    expect(await other.bus.call(tollRecordUsage, { events: [event] })).toEqual({
      refused: [{ usageId: event.usageId, code: 'caller_not_allowed' }],
    });
  });

  it('does nothing for a person without a grant of theirs that a gateway signed a moment ago', async () => {
    const personId = uuidv7();
    const stranger = await generateSigil('grant');
    const seconds = Math.floor(Date.now() / 1000);
    const refused: readonly [string, Promise<string>][] = [
      ['another person', grantFor(uuidv7())],
      ['expired', grantFor(personId, { iat: seconds - 61, exp: seconds - 1 })],
      ['lives too long', grantFor(personId, { exp: seconds + 3_600 })],
      ['not for "spend"', grantFor(personId, { action: 'infer' })],
      ['another cluster', grantFor(personId, { aud: 'x'.repeat(43) })],
      ['not known here', grantFor(personId, {}, stranger)],
      ['not known here', grantFor(personId, { iss: other.nodeId })],
      ['not known here', grantFor(personId, { iss: runner.nodeId })],
      ['three parts', Promise.resolve('nothing')],
    ];
    const block = { blockId: uuidv7(), asset: 'drop', atLeastMicro: '1', wantedMicro: '500' };
    for (const [reason, made] of refused) {
      const asked = { personId, grant: await made };
      const attempts = [
        gateway.bus.call(tollOpenPurse, asked),
        gateway.bus.call(tollClosePurse, asked),
        gateway.bus.call(tollDraw, { ...asked, ...block }),
        gateway.bus.call(tollHold, {
          ...{ ...asked, transferId: uuidv7(), payee: 'somebody', amountMicro: '1', asset: 'drop' },
          expiresAt: new Date(Date.now() + 60_000).toISOString(),
        }),
        gateway.bus.call(tollPurse, asked),
        gateway.bus.call(tollAllowance, asked),
        gateway.bus.call(tollStatement, asked),
        gateway.bus.call(tollUsage, asked),
      ];
      for (const outcome of await Promise.allSettled<unknown>(attempts)) {
        expect(outcome).toMatchObject({
          status: 'rejected',
          reason: { code: 'grant_invalid', message: expect.stringContaining(reason) },
        });
      }
    }
    // Nothing was opened on the way.
    await expect(gateway.bus.call(tollPurse, await forPerson(personId))).rejects.toMatchObject({ code: 'not_found' });
  });

  it('answers no service that has no business with money', async () => {
    await expect(runner.bus.call(tollPurse, await forPerson(uuidv7()))).rejects.toMatchObject({
      code: 'caller_not_allowed',
    });
  });

  it('signs its price list with the key in its manifest, and tells of a new one', async () => {
    const told: number[] = [];
    gateway.bus.on(pricesChanged, ({ version }) => void told.push(version));
    const price = { model: 'watershed/language-id', baseMicro: '42', perKibMicro: '1' };
    const { priceList } = await gateway.bus.call(tollSetPrice, price);
    expect(priceList.models).toEqual([price]);
    const [key] = gateway.directory.keysFor(toll.nodeId, 'price');
    if (!key) throw new Error('toll declares no price key');
    await verifyDocument(priceList, { typ: 'watershed/price-list', key, purpose: 'price' });
    expect((await gateway.bus.call(tollPrices, {})).priceList).toEqual(priceList);
    await eventually(() => expect(told).toEqual([priceList.version]));
  });

  it('posts what is left when it drains', async () => {
    const personId = uuidv7();
    await gateway.bus.call(tollOpenPurse, await forPerson(personId));
    const blockId = uuidv7();
    await gateway.bus.call(tollDraw, {
      ...(await forPerson(personId)),
      blockId,
      asset: 'drop',
      atLeastMicro: '1',
      wantedMicro: '500',
    });
    await gateway.bus.call(tollRecordUsage, { events: [usageOf(blockId, personId)] });
    await toll.drain();
    await toll.close();
    toll = await start();
    await eventually(async () =>
      expect(await gateway.bus.call(tollPurse, await forPerson(personId))).toMatchObject({
        unpostedMicro: '0',
        balanceMicro: '999880',
      }),
    );
  });
});
