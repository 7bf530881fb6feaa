import { spawnSync } from 'node:child_process';
import { optionalTool } from '#testing';
import { buildK6, findK6 } from '../scripts/k6/find-k6.js';
import { root, StartedCluster } from './started-cluster.js';

const minutes = (n: number) => n * 60_000;
const canBuild = spawnSync('go', ['version'], { stdio: 'ignore' }).status === 0;
const k6 = optionalTool(
  'k6',
  findK6(root) || canBuild ? undefined : 'neither k6 nor Go, which builds it, is on the PATH',
);

k6.describe('the load scripts', () => {
  let cluster: StartedCluster;

  beforeAll(async () => {
    if (!findK6(root)) expect(buildK6(root)).toEqual({ ok: true });
    cluster = await StartedCluster.start();
  }, minutes(12));

  afterAll(async () => {
    await cluster?.stop();
    cluster?.removeData();
  }, minutes(1));

  it(
    'pass their smoke test, with a usage row for every answer',
    () => {
      const { code, stdout, stderr } = cluster.run('k6', ['smoke']);
      expect(stderr).toBe('');
      expect(stdout).toContain('40 answers, 40 usage rows, the ledger sums to zero');
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
