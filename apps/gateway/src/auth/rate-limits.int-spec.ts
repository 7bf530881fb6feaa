import { gatewayCountRates } from '#contracts';
import { eventually } from '#testing';
import { FakeCluster, fakeNode } from '../testing/fake-cluster.js';
import { TestGateway } from '../testing/test-gateway.js';

const limit = 40;

describe('two gateways of one cluster', () => {
  let one: TestGateway;
  let two: TestGateway;
  let told: number;

  beforeAll(async () => {
    const env = {
      GATEWAY_RATE_PER_PERSON: String(limit),
      GATEWAY_RATE_PER_ADDRESS: '60',
      GATEWAY_RATE_RECOVERIES: '5',
    };
    const clusters = [new FakeCluster(), new FakeCluster()] as const;
    one = await TestGateway.start(env, undefined, clusters[0]);
    two = await TestGateway.start(env, { database: one.database, dataDir: one.dataDir, cluster: clusters[1] });
    told = 0;
    for (const [from, to] of [clusters, [...clusters].reverse()] as [FakeCluster, FakeCluster][]) {
      from.entries.push(fakeNode('H'.repeat(43), 'gateway'));
      from.handle(gatewayCountRates, async (request) => {
        told += 1;
        return to.answers(gatewayCountRates, request);
      });
    }
  });
  afterAll(async () => {
    await two.stop();
    await one.stop();
  });

  it('let a person have hardly more than the limit, however they go from one to the other', async () => {
    const { key } = await one.signUp();
    let allowed = 0;
    for (let at = 0; at < 2 * limit; at++) {
      const reply = await (at % 2 === 0 ? one : two).ask('GET', '/v1/me', { key });
      expect(reply.headers.get('ratelimit-limit')).toBe(String(limit));
      if (reply.status === 200) allowed += 1;
      else expect(reply.body).toMatchObject({ code: 'rate_limited', details: { limit } });
      // What one let through the other knows of a tenth of a second later: a person who asks that fast would go beyond by that.
      if (at % 10 === 9) {
        const before = told;
        await eventually(() => told > before || allowed >= limit);
      }
    }
    expect(allowed).toBeGreaterThanOrEqual(limit);
    expect(allowed).toBeLessThanOrEqual(limit + 10);
    for (const gateway of [one, two]) {
      const refused = await gateway.ask('GET', '/v1/me', { key });
      expect([refused.status, refused.headers.get('ratelimit-remaining')]).toEqual([429, '0']);
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    }
    const other = await two.signUp();
    expect((await one.ask('GET', '/v1/me', { key: other.key })).status).toBe(200);
  });

  it('let an address have its share each', async () => {
    const reply = await two.ask('GET', '/v1/cluster');
    expect(reply.headers.get('ratelimit-limit')).toBe('30');
  });
});
