import { sampleModel } from '../../testing/sample-model.js';
import { compareVersions } from './compare-versions.js';
import { CrashPolicy } from './crash-policy.js';
import { Lanes } from './lanes.js';
import { MemoryBudget } from './memory-budget.js';
import { trackedEntry } from './model-entry.js';
import { Tenants } from './tenants.js';

describe('MemoryBudget', () => {
  it('admits what fits, once a key', () => {
    const budget = new MemoryBudget(100);
    expect(budget.reserve('a', 60)).toBe(true);
    expect(budget.reserve('a', 60)).toBe(true);
    expect(budget.freeBytes).toBe(40);
    expect(budget.reserve('b', 41)).toBe(false);
    expect(budget.freeBytes).toBe(40);
    budget.release('a');
    budget.release('a');
    expect(budget.freeBytes).toBe(100);
  });
});

describe('compareVersions', () => {
  it('follows the example of semver.org', () => {
    const ordered = ['1.0.0-alpha', '1.0.0-alpha.1', '1.0.0-alpha.beta', '1.0.0-beta', '1.0.0-beta.2', '1.0.0-beta.11'];
    const all = [...ordered, '1.0.0-rc.1', '1.0.0', '1.2.0', '1.10.0', '2.0.0'];
    expect([...all].reverse().sort(compareVersions)).toEqual(all);
    expect(compareVersions('1.0.0', '1.0.0')).toBe(0);
  });
});

describe('Lanes', () => {
  it('keeps the order of one key, whatever fails, and lets others pass', async () => {
    const lanes = new Lanes();
    const done: string[] = [];
    const gate: { open: () => void } = { open: () => undefined };
    const first = lanes.run('a', () => new Promise<void>((resolve) => (gate.open = resolve)));
    const second = lanes.run('a', async () => {
      done.push('a2');
      throw new Error('planned');
    });
    const third = lanes.run('a', async () => void done.push('a3'));
    await lanes.run('b', async () => void done.push('b1'));
    expect(done).toEqual(['b1']);
    gate.open();
    await first;
    await expect(second).rejects.toThrow('planned');
    await third;
    expect(done).toEqual(['b1', 'a2', 'a3']);
    await lanes.idle();
  });
});

describe('an entry', () => {
  it('tells of each move to another state, however it is made', () => {
    const seen: string[] = [];
    const entry = trackedEntry(
      {
        key: 'org/sample@1.0.0',
        model: sampleModel({}),
        servedName: 'org--sample',
        servedVersion: '1',
        crashes: new CrashPolicy(),
        tenants: new Tenants(),
        counts: { inferences: 0, errors: 0 },
        placementId: 'p',
        epoch: 1,
        state: 'pulling',
        generation: 1,
      },
      () => seen.push(entry.state),
    );
    entry.state = 'loading';
    entry.state = 'loading';
    Object.assign(entry, { state: 'ready', generation: 2 });
    entry.epoch = 2;
    expect(seen).toEqual(['loading', 'ready']);
    expect(entry).toMatchObject({ state: 'ready', generation: 2, epoch: 2 });
  });
});
