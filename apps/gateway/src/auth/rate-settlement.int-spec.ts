import { AppStand, eventually, testLogger } from '#testing';
import { NodeCluster } from '../cluster/node-cluster.adapter.js';
import { SharedRate } from './engine/shared-rate.js';
import { RateSettlement } from './rate-settlement.js';

describe('gateways on the bus', () => {
  let stand: AppStand;
  beforeAll(async () => {
    stand = await AppStand.open();
  });
  afterAll(() => stand?.close());

  it('tell each other what they let through, and one that starts what stands', async () => {
    const person = '01926f0e-0000-7000-8000-000000000000';
    const gateway = async (name: string) => {
      const node = await stand.prepare(['gateway'], { name });
      const rate = new SharedRate({ limit: 5, windowMs: 60_000, maxKeys: 10, now: () => performance.now() });
      const settlement = new RateSettlement(new NodeCluster(node), rate, testLogger());
      await node.join({ index: stand.index.port() });
      await settlement.learn();
      return { rate, settlement };
    };
    const [one, two] = [await gateway('one'), await gateway('two')];
    await eventually(() => one.settlement.others === 1);
    for (let times = 0; times < 3; times++) one.rate.count(person, true);
    two.rate.count(person, true);
    for (const { settlement } of [one, two]) settlement.soon();
    const countedBy = ({ rate }: typeof one) => rate.standing(10).map(({ count }) => count);
    await eventually(() => expect([one, two].map(countedBy)).toEqual([[4], [4]]));
    const three = await gateway('three');
    expect(countedBy(three)).toEqual([4]);
    expect(three.rate.count(person, true)).toMatchObject({ exceeded: false, remaining: 0 });
  });
});
