import { gatewayCountRates, gatewayRates } from '#contracts';
import { WatershedError } from '#errors';
import { eventually } from '#testing';
import { FakeCluster, fakeNode } from '../testing/fake-cluster.js';
import { TestGateway } from '../testing/test-gateway.js';

const limit = 40;
const env = {
  GATEWAY_RATE_PER_PERSON: String(limit),
  GATEWAY_RATE_PER_ADDRESS: '60',
  GATEWAY_RATE_RECOVERIES: '5',
};

describe('two gateways of one cluster', () => {
  let one: TestGateway;
  let two: TestGateway;
  /** Requests that one let through and told the other about. */
  let told: number;

  beforeAll(async () => {
    const clusters = [new FakeCluster(), new FakeCluster()] as const;
    one = await TestGateway.start(env, undefined, clusters[0]);
    two = await TestGateway.start(env, { database: one.database, dataDir: one.dataDir, cluster: clusters[1] });
    told = 0;
    for (const [from, to] of [clusters, [...clusters].reverse()] as [FakeCluster, FakeCluster][]) {
      from.entries.push(fakeNode('H'.repeat(43), 'gateway'));
      from.handle(gatewayCountRates, async (request) => {
        for (const { count } of request.counts) told += count;
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
      if (at % 10 === 9) await eventually(() => told === allowed);
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

  it('are joined by one that starts and knows what they let through, though it answers nothing of theirs', async () => {
    const { key } = await one.signUp();
    const askOne = () => one.ask('GET', '/v1/me', { key });
    while ((await askOne()).status === 200);
    const cluster = new FakeCluster();
    // One of the others does not answer, which costs a moment and nothing else.
    cluster.entries.push(fakeNode('H'.repeat(43), 'gateway'), fakeNode('J'.repeat(43), 'gateway'));
    cluster.handle(gatewayRates, (request, to) => {
      if (to === 'J'.repeat(43)) throw new WatershedError('deadline_exceeded', 'No answer.');
      return one.cluster.answers(gatewayRates, request);
    });
    const three = await TestGateway.start(env, { database: one.database, dataDir: one.dataDir, cluster });
    try {
      const refused = await three.ask('GET', '/v1/me', { key });
      expect([refused.status, refused.headers.get('ratelimit-remaining')]).toEqual([429, '0']);
      const other = await one.signUp();
      expect((await three.ask('GET', '/v1/me', { key: other.key })).status).toBe(200);
    } finally {
      await three.stop();
    }
  });

  it('let an address have its share each', async () => {
    const reply = await two.ask('GET', '/v1/cluster');
    expect(reply.headers.get('ratelimit-limit')).toBe('30');
  });
});
