import { chooseRunners } from './choose-runners.system.js';
import type { RunnerView } from './placement.ports.js';

const covers = (rule: string, region: string) => region === rule || region.startsWith(`${rule}/`);
const manifest = { name: 'org/m', version: '1.0.0', memoryBytes: 500, regions: ['EU'] };
const runner = (change: Partial<RunnerView>): RunnerView => ({
  nodeId: 'n',
  region: 'EU/FR',
  reachable: true,
  freeModelMemoryBytes: 1_000,
  models: [],
  ...change,
});

describe('chooseRunners', () => {
  it('takes those that are there, allowed and have room, and says why not for the rest', () => {
    const { chosen, refused } = chooseRunners(
      manifest,
      [
        runner({ nodeId: 'fits' }),
        runner({ nodeId: 'full', freeModelMemoryBytes: 499 }),
        runner({ nodeId: 'abroad', region: 'US/CA' }),
        runner({ nodeId: 'gone', reachable: false }),
        runner({ nodeId: 'new', freeModelMemoryBytes: undefined }),
      ],
      covers,
    );
    expect(chosen.map((one) => one.nodeId)).toEqual(['fits', 'new']);
    expect(refused).toEqual([
      { nodeId: 'full', reason: 'memory' },
      { nodeId: 'abroad', reason: 'region' },
      { nodeId: 'gone', reason: 'unreachable' },
    ]);
  });

  it('needs no second room for what a runner serves already', () => {
    const serving = runner({ freeModelMemoryBytes: 0, models: [{ name: 'org/m', version: '1.0.0', ready: true }] });
    expect(chooseRunners(manifest, [serving], covers).chosen).toHaveLength(1);
  });

  it('lets a model without regions run anywhere', () => {
    expect(chooseRunners({ ...manifest, regions: [] }, [runner({ region: 'US/CA' })], covers).chosen).toHaveLength(1);
  });
});
