import { uuidv7 } from 'uuidv7';
import {
  dataLocationPolicy,
  type GrantClaims,
  type MoneyOrder,
  tollGrant,
  tollOpenPurse,
  tollStatement,
  tollTotals,
} from '#contracts';
import type { ClusterNode } from '#node';
import { generateSigil, moneyOrderDigest, type Sigil, signGrant } from '#sigil';
import { AppStand, eventually } from '#testing';
import { startToll } from './app.js';

describe('money that operators create', () => {
  let stand: AppStand;
  let gateway: ClusterNode;
  let other: ClusterNode;
  let runner: ClusterNode;
  let grantKey: Sigil;
  let otherKey: Sigil;
  const keyed = (name: string, key: Sigil) =>
    stand.join(['gateway'], { name, purposeKeys: [{ purpose: 'grant', key: key.publicJwk }] });
  beforeAll(async () => {
    stand = await AppStand.open();
    [grantKey, otherKey] = await Promise.all([generateSigil('grant'), generateSigil('grant')]);
    await stand.hold(startToll(stand.env('toll'), { index: stand.index.port() }));
    gateway = await keyed('gateway-one', grantKey);
    other = await keyed('gateway-two', otherKey);
    runner = await stand.join(['runner']);
    await Promise.all([gateway, other, runner].map((node) => node.directory.waitFor('toll', 5_000)));
  });
  afterAll(() => stand?.close());

  /** As the first gateway makes them for this order, where the test changes nothing. */
  const grantFor = (order: MoneyOrder, change: Partial<GrantClaims> = {}, sigil = grantKey): Promise<string> => {
    const iat = Math.floor(Date.now() / 1000);
    const policy = dataLocationPolicy.parse({ allowedRegions: ['EU'] });
    const claims = { iss: gateway.nodeId, aud: stand.clusterId, sub: order.personId, action: 'fund' as const, policy };
    const bound = { ...claims, jti: uuidv7(), iat, exp: iat + 60, order: moneyOrderDigest(order) };
    return signGrant({ ...bound, ...change }, sigil);
  };
  const spendGrant = (personId: string) =>
    grantFor({ ...orderFor(personId) }, { action: 'spend', order: undefined, sub: personId });
  const orderFor = (personId: string): MoneyOrder => ({
    transferId: uuidv7(),
    personId,
    amountMicro: '500',
    asset: 'drop',
    operatorId: 'an operator',
    memo: 'welcome',
  });
  const withPurse = async (): Promise<string> => {
    const personId = uuidv7();
    await gateway.bus.call(tollOpenPurse, { personId, grant: await spendGrant(personId) });
    return personId;
  };
  const fund = async (order: MoneyOrder, grant: string | Promise<string>, by = gateway) =>
    by.bus.call(tollGrant, { ...order, grant: await grant });
  const moneyOf = async (personId: string) => {
    const { items } = await gateway.bus.call(tollStatement, { personId, grant: await spendGrant(personId) });
    return items.map(({ kind, amountMicro }) => `${kind} ${amountMicro}`);
  };

  it('is created once under the word of the gateway that calls, by whatever grant it is asked for again', async () => {
    const order = orderFor(await withPurse());
    const grant = await grantFor(order);
    const answer = { transferId: order.transferId, balanceMicro: '1000500' };
    expect(await fund(order, grant)).toEqual(answer);
    expect(await fund(order, grant)).toEqual(answer);
    expect(await fund(order, grantFor(order))).toEqual(answer);
    expect(await moneyOf(order.personId)).toEqual(['grant 500', 'opening 1000000']);
    // A gateway that asks for something else under the same id contradicts itself, however well it signs.
    const more = { ...order, amountMicro: '501' };
    await expect(fund(more, grantFor(more))).rejects.toMatchObject({ code: 'conflict' });
    // Another gateway may be asked to try again, and says so in its own name.
    const again = grantFor(order, { iss: other.nodeId }, otherKey);
    expect(await fund(order, again, other)).toEqual(answer);
    expect(await moneyOf(order.personId)).toEqual(['grant 500', 'opening 1000000']);
  });

  it('is not created on less than that', async () => {
    const [personId, another] = [await withPurse(), await withPurse()];
    const order = orderFor(personId);
    const overheard = await grantFor(order);
    expect(await fund(order, overheard)).toMatchObject({ balanceMicro: '1000500' });
    const seconds = Math.floor(Date.now() / 1000);
    const stranger = await generateSigil('grant');
    const next = orderFor(personId);
    const refused: readonly [string, MoneyOrder, string | Promise<string>, ClusterNode?][] = [
      ['three parts', next, ''],
      ['three parts', next, 'the operator said so'],
      // Of another action, and of none that is bound to an order.
      ['not for "fund"', next, spendGrant(personId)],
      ['not for "fund"', next, grantFor(next, { action: 'spend' })],
      ['not for "fund"', next, grantFor(next, { action: 'infer' })],
      ['another order', next, grantFor(next, { order: undefined })],
      // One that was overheard, for whatever else its thief would have.
      ['another order', next, overheard],
      ['another order', { ...order, transferId: uuidv7() }, overheard],
      ['another order', { ...order, amountMicro: '500000000' }, overheard],
      ['another order', { ...order, personId: another }, overheard],
      ['another order', { ...order, asset: 'euro' }, overheard],
      ['another order', { ...order, operatorId: 'another operator' }, overheard],
      ['another order', { ...order, memo: 'thank you' }, overheard],
      ['another gateway', order, overheard, other],
      // Of another person, cluster, time or key.
      ['another person', next, grantFor(next, { sub: another })],
      ['another cluster', next, grantFor(next, { aud: 'x'.repeat(43) })],
      ['expired', next, grantFor(next, { iat: seconds - 61, exp: seconds - 1 })],
      ['lives too long', next, grantFor(next, { exp: seconds + 3_600 })],
      ['not known here', next, grantFor(next, {}, stranger)],
      ['not known here', next, grantFor(next, {}, otherKey)],
      ['not known here', next, grantFor(next, { iss: runner.nodeId })],
    ];
    for (const [reason, asked, grant, by] of refused) {
      await expect(fund(asked, grant, by)).rejects.toMatchObject({
        code: 'grant_invalid',
        message: expect.stringContaining(reason),
      });
    }
    await expect(fund(next, grantFor(next), runner)).rejects.toMatchObject({ code: 'caller_not_allowed' });
    expect(await moneyOf(personId)).toEqual(['grant 500', 'opening 1000000']);
    expect(await moneyOf(another)).toEqual(['opening 1000000']);
    expect((await gateway.bus.call(tollTotals, {})).assets).toMatchObject([{ asset: 'drop', sumMicro: '0' }]);
    // The grant of the last one was good all the time.
    expect(await fund(next, grantFor(next))).toMatchObject({ balanceMicro: '1001000' });
  });

  it('is not created by a gateway that was removed, cached grant or new one', async () => {
    const key = await generateSigil('grant');
    const leaving = await keyed('gateway-three', key);
    await leaving.directory.waitFor('toll', 5_000);
    const order = orderFor(await withPurse());
    const mine = { iss: leaving.nodeId };
    const known = await grantFor(order, mine, key);
    expect(await fund(order, known, leaving)).toMatchObject({ balanceMicro: '1000500' });
    stand.index.declare(leaving.nodeId, 'expelled');
    // Toll hears of it in its own watch; until then the order is only the one that was done.
    await eventually(() =>
      expect(fund(order, known)).rejects.toMatchObject({
        code: 'grant_invalid',
        message: expect.stringContaining('no longer has that key'),
      }),
    );
    const next = orderFor(order.personId);
    for (const by of [gateway, other])
      await expect(fund(next, grantFor(next, mine, key), by)).rejects.toMatchObject({ code: 'grant_invalid' });
    await expect(fund(next, grantFor(next, mine, key), leaving)).rejects.toMatchObject({ code: 'node_expelled' });
    // Nor does a gateway that is still there take over the key by naming it.
    await expect(fund(next, grantFor(next, {}, key))).rejects.toMatchObject({ code: 'grant_invalid' });
    expect(await moneyOf(order.personId)).toEqual(['grant 500', 'opening 1000000']);
  });
});
