import type { ModelVersion } from '#contracts';
import { WatershedError, type WireError } from '#errors';
import { sampleModel } from '../../../runner/testing/sample-model.js';
import { MemoryPlacements } from '../../testing/memory-placements.js';
import type { RunnerPort, RunnerView } from './placement.ports.js';
import { PlacementEngine } from './placement-engine.js';

/** A cluster in memory: runners that load what they are told, a queue that a test empties. */
function make() {
  const clock = { ms: 0 };
  const placements = new MemoryPlacements(clock);
  const runners: RunnerView[] = [];
  const jobs: string[] = [];
  const calls: string[] = [];
  const behaviour: {
    load: () => Awaited<ReturnType<RunnerPort['load']>>;
    unload: () => 'unloading' | 'unloaded';
    review: ModelVersion['review'];
  } = { load: () => ({ state: 'ready' }), unload: () => 'unloaded', review: 'approved' };
  const view = (nodeId: string) => runners.find((one) => one.nodeId === nodeId);
  const engine = new PlacementEngine({
    placements,
    runners: { all: () => runners, get: view },
    runner: {
      load: async (nodeId, { epoch, model }) => {
        calls.push(`load ${nodeId} ${epoch}`);
        const answer = behaviour.load();
        if (answer.state === 'ready')
          replace(nodeId, { models: [{ name: model.name, version: model.version, ready: true }] });
        return answer;
      },
      unload: async (nodeId, { epoch }) => {
        calls.push(`unload ${nodeId} ${epoch}`);
        return { state: behaviour.unload() };
      },
    },
    registry: {
      model: async (name, version) => ({
        ...sampleModel({ name, version: version ?? '1.0.0', memoryBytes: 100 }),
        review: behaviour.review,
      }),
    },
    queue: { enqueue: async (placementId) => void jobs.push(placementId) },
    covers: (rule, region) => region.startsWith(rule),
    limits: { stuckAfterMs: 1_000, heartbeatGraceMs: 500 },
    advanceMs: 100,
    pauseMs: 40,
    reviewEveryMs: 60_000,
    wait: async (ms) => {
      clock.ms += ms;
    },
    now: () => clock.ms,
  });
  const replace = (nodeId: string, change: Partial<RunnerView>) => {
    const at = runners.findIndex((one) => one.nodeId === nodeId);
    const before = runners[at];
    if (before) runners[at] = { ...before, ...change };
  };
  const join = (nodeId: string, change: Partial<RunnerView> = {}) =>
    void runners.push({ nodeId, region: 'EU/FR', reachable: true, freeModelMemoryBytes: 1_000, models: [], ...change });
  const work = async () => {
    for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) await engine.advance(job);
  };
  const states = async () => (await placements.all()).map((row) => `${row.nodeId} ${row.state} ${row.epoch}`);
  return { behaviour, calls, clock, engine, jobs, join, placements, replace, states, work };
}

const model = 'org/m';

describe('PlacementEngine', () => {
  it('places on every runner that has room, and is done once', async () => {
    const { engine, join, states, work, calls } = make();
    join('a');
    join('b');
    join('full', { freeModelMemoryBytes: 99 });
    expect(await engine.place({ model })).toHaveLength(2);
    await work();
    expect(await states()).toEqual(['a ready 1', 'b ready 1']);
    expect(await engine.place({ model })).toHaveLength(2);
    await work();
    expect(calls).toEqual(['load a 1', 'load b 1']);
  });

  it('refuses where nobody has room, nobody is meant, or the version is not approved', async () => {
    const { behaviour, engine, join } = make();
    join('full', { freeModelMemoryBytes: 99 });
    await expect(engine.place({ model })).rejects.toMatchObject({ code: 'memory_exhausted' });
    await expect(engine.place({ model, nodeId: 'full' })).rejects.toMatchObject({ code: 'memory_exhausted' });
    await expect(engine.place({ model, nodeId: 'nobody' })).rejects.toMatchObject({ code: 'node_unknown' });
    behaviour.review = 'submitted';
    await expect(engine.place({ model })).rejects.toMatchObject({ code: 'conflict' });
  });

  it('keeps a wish for runners that join later', async () => {
    const { engine, join, states, work } = make();
    expect(await engine.place({ model })).toEqual([]);
    join('late');
    await engine.reconcile();
    await work();
    expect(await states()).toEqual(['late ready 1']);
  });

  it('gives a restarted runner its models again', async () => {
    const { calls, clock, engine, join, replace, states, work } = make();
    join('a');
    await engine.place({ model });
    await work();
    replace('a', { models: [] });
    clock.ms += 1_000;
    await engine.reconcile();
    await work();
    expect(calls).toEqual(['load a 1', 'load a 2']);
    expect(await states()).toEqual(['a ready 2']);
  });

  it('waits for a runner that is gone, without a job that spins', async () => {
    const { clock, engine, jobs, join, replace, states, work } = make();
    join('a');
    await engine.place({ model });
    await work();
    replace('a', { reachable: false, models: [] });
    await engine.reconcile();
    expect(await states()).toEqual(['a wanted 2']);
    for (let i = 0; i < 5; i++) {
      clock.ms += 10_000;
      await engine.reconcile();
    }
    expect(jobs).toEqual([]);
    replace('a', { reachable: true });
    await engine.reconcile();
    await work();
    expect(await states()).toEqual(['a ready 2']);
  });

  it('gives its turn back when a runner takes long, and goes on from there', async () => {
    const { behaviour, engine, jobs, join, states } = make();
    behaviour.load = () => ({ state: 'loading' });
    join('a');
    await engine.place({ model });
    const [job = ''] = jobs.splice(0);
    expect(await engine.advance(job)).toBe('again');
    expect(await states()).toEqual(['a loading 1']);
    behaviour.load = () => ({ state: 'ready' });
    expect(await engine.advance(job)).toBe('done');
    expect(await engine.advance(job)).toBe('done');
    expect(await states()).toEqual(['a ready 1']);
  });

  it('keeps why a load failed, and tries again when its time has come', async () => {
    const failure: WireError = { code: 'memory_exhausted', message: 'no room' };
    const { behaviour, clock, engine, join, placements, states, work } = make();
    behaviour.load = () => ({ state: 'failed', failure });
    join('a');
    await engine.place({ model });
    await work();
    expect((await placements.all())[0]).toMatchObject({ state: 'failed', failure });
    clock.ms += 4_999;
    await engine.reconcile();
    await work();
    expect(await states()).toEqual(['a failed 1']);
    behaviour.load = () => ({ state: 'ready' });
    clock.ms += 1;
    await engine.reconcile();
    await work();
    expect(await states()).toEqual(['a ready 2']);
  });

  it('leaves what no waiting mends until somebody asks again', async () => {
    const { behaviour, clock, engine, join, states, work } = make();
    behaviour.load = () => ({ state: 'failed', failure: { code: 'digest_mismatch', message: '' } });
    join('a');
    await engine.place({ model });
    await work();
    clock.ms += 3_600_000;
    await engine.reconcile();
    await work();
    expect(await states()).toEqual(['a failed 1']);
    behaviour.load = () => ({ state: 'ready' });
    await engine.place({ model, nodeId: 'a' });
    await work();
    expect(await states()).toEqual(['a ready 2']);
  });

  it('lets a call that failed on its way be tried by the queue, and changes nothing', async () => {
    const { behaviour, engine, jobs, join, states } = make();
    behaviour.load = () => {
      throw new WatershedError('node_unreachable', 'lost');
    };
    join('a');
    await engine.place({ model });
    await expect(engine.advance(jobs[0] ?? '')).rejects.toMatchObject({ code: 'node_unreachable' });
    expect(await states()).toEqual(['a loading 1']);
  });

  it('has one at work on a placement, who looks once more for who came meanwhile', async () => {
    const { behaviour, calls, engine, jobs, join, states } = make();
    join('a');
    await engine.place({ model });
    let nested: Promise<unknown> | undefined;
    behaviour.load = () => {
      nested ??= engine.displace({ model }).then(() => engine.advance('p1'));
      return { state: 'loading' };
    };
    await engine.advance(jobs.shift() ?? '');
    await nested;
    expect(await states()).toEqual(['a unloaded 2']);
    expect(calls.at(-1)).toBe('unload a 2');
  });

  it('ignores an answer that a newer wish has overtaken', async () => {
    const { behaviour, engine, jobs, join, placements, states, work } = make();
    join('a');
    await engine.place({ model });
    behaviour.load = () => {
      // While the runner is at it, somebody takes the wish back.
      const [row] = [...placements.rows.values()];
      if (row) placements.rows.set(row.placementId, { ...row, state: 'unloading', wanted: 'unloaded', epoch: 2 });
      return { state: 'ready' };
    };
    await engine.advance(jobs.shift() ?? '');
    expect(placements.told.at(-1)).toBe('refused ready');
    await engine.advance('p1');
    await work();
    expect(await states()).toEqual(['a unloaded 2']);
  });

  it('takes a withdrawn version from everywhere, and does not place it again', async () => {
    const { clock, engine, join, states, work } = make();
    join('a');
    join('b');
    await engine.place({ model });
    await work();
    await engine.withdraw(model, '1.0.0');
    await work();
    expect(await states()).toEqual(['a unloaded 2', 'b unloaded 2']);
    clock.ms += 60_000;
    await engine.reconcile();
    await work();
    expect(await states()).toEqual(['a unloaded 2', 'b unloaded 2']);
  });

  it('finds out by itself that a version was withdrawn', async () => {
    const { behaviour, clock, engine, join, states, work } = make();
    join('a');
    await engine.place({ model });
    await work();
    await engine.reconcile();
    behaviour.review = 'withdrawn';
    await engine.reconcile();
    expect(await states()).toEqual(['a ready 1']);
    clock.ms += 60_000;
    await engine.reconcile();
    await work();
    expect(await states()).toEqual(['a unloaded 2']);
  });

  it('takes a model from one runner and leaves it on the others', async () => {
    const { engine, join, states, work } = make();
    join('a');
    join('b');
    await engine.place({ model });
    await work();
    await engine.displace({ model, nodeId: 'a' });
    await engine.reconcile();
    await work();
    expect(await states()).toEqual(['a unloaded 2', 'b ready 1']);
  });

  it('finds by itself what a lost job should have done', async () => {
    const { clock, engine, jobs, join, states, work } = make();
    join('a');
    await engine.place({ model });
    jobs.length = 0;
    clock.ms += 1_001;
    await engine.reconcile();
    await work();
    expect(await states()).toEqual(['a ready 1']);
  });
});
