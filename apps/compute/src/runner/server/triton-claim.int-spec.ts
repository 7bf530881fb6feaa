import { Redis } from 'ioredis';
import { ResourceClaims } from '#node';
import { eventually, type TestRedis, testLogger, testRedis } from '#testing';
import { TritonClaim } from './triton-claim.adapter.js';

const url = 'http://gpu:8000';

describe('the claim on a named Triton', () => {
  let test: TestRedis;
  let redis: Redis;
  let taken: TritonClaim[];

  beforeEach(async () => {
    test = await testRedis();
    redis = new Redis(test.url);
    taken = [];
  });
  afterEach(async () => {
    for (const claim of taken) await claim.release();
    await redis.quit();
    await test.close();
  });

  const take = async (nodeId: string, more: { url?: string; ttlMs?: number } = {}) => {
    const claims = new ResourceClaims(() => redis, test.clusterId);
    const claim = await TritonClaim.take({
      claims: {
        take: (resource, ttlMs) => claims.take(resource, nodeId, ttlMs),
        release: (resource) => claims.release(resource, nodeId),
      },
      nodeId,
      url,
      logger: testLogger(),
      ...more,
    });
    taken.push(claim);
    return claim;
  };
  const refused = { code: 'conflict', details: { reason: 'triton_taken', nodeId: 'one' } };

  it('is refused to a second runner until the first has let it go', async () => {
    const claim = await take('one');
    await expect(take('two')).rejects.toMatchObject(refused);
    await expect(take('two', { url: 'http://gpu:9000' })).resolves.toBeDefined();
    await claim.release();
    await expect(take('two')).resolves.toBeDefined();
  });

  it('is had again at once by the runner that had it, and is not let go by another', async () => {
    await take('one');
    const again = await take('one');
    await expect(take('two')).rejects.toMatchObject(refused);
    await again.release();
    await (await take('two')).release();
  });

  it('is renewed while its runner lives, and runs out when it does not', async () => {
    const [short, started] = [90, performance.now()];
    await take('one', { ttlMs: short });
    await eventually(() => performance.now() - started > 3 * short);
    await expect(take('two')).rejects.toMatchObject(refused);
    // As after a kill: nobody renews.
    for (const claim of taken) clearInterval(Reflect.get(claim, 'timer'));
    await eventually(() => take('two'));
  });
});
