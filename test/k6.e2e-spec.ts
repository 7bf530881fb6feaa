import { spawnSync } from 'node:child_process';
import { optionalTool } from '#testing';
import { buildK6, findK6 } from '../scripts/k6/find-k6.js';
import { borrowCluster } from './shared-cluster.js';
import { type ReachableCluster, root } from './started-cluster.js';

const minutes = (n: number) => n * 60_000;
const canBuild = spawnSync('go', ['version'], { stdio: 'ignore' }).status === 0;
const k6 = optionalTool(
  'k6',
  findK6(root) || canBuild ? undefined : 'neither k6 nor Go, which builds it, is on the PATH',
);

k6.describe('the load scripts', () => {
  let cluster: ReachableCluster;
  let giveBack: () => Promise<void>;

  beforeAll(async () => {
    if (!findK6(root)) expect(buildK6(root)).toEqual({ ok: true });
    ({ cluster, close: giveBack } = await borrowCluster());
  }, minutes(12));

  afterAll(async () => {
    await giveBack?.();
  }, minutes(1));

  it(
    'pass their smoke test, with a usage row for every answer',
    () => {
      const { code, stdout, stderr } = cluster.run('k6', ['smoke']);
      expect(stderr).toBe('');
      expect(stdout).toMatch(/^40 answers, \d+ usage rows, the ledger sums to zero$/m);
      expect(code).toBe(0);
    },
    minutes(3),
  );

  it('say in one line what is wrong with how they were called', () => {
    expect(cluster.run('k6', ['sprint']).code).toBe(2);
    const { code, stderr } = cluster.run('k6', ['smoke', '--people', 'many']);
    expect([code, stderr.trim()]).toEqual([1, 'k6: --people takes a whole number from 1.']);
  });
});
