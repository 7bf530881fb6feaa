import type { ModelVersion } from '#contracts';
import { WatershedError } from '#errors';
import { eventually } from '#testing';
import { sampleModel } from '../../testing/sample-model.js';
import { MemoryBudget } from './memory-budget.js';
import type { ModelHost } from './model.ports.js';
import { ModelLifecycle, type ModelLifecycleOptions } from './model-lifecycle.js';

const placement = { placementId: '01890000-0000-7000-8000-000000000001', epoch: 1 };

/** A host that serves what it is told to, and fails as it is told to. */
class FakeHost implements ModelHost {
  readonly calls: string[] = [];
  failing: Error | undefined;
  down = false;
  gate: Promise<void> | undefined;
  /** As where the processes are ours to end; absent for a server of somebody else's. */
  kill?: (model: ModelVersion) => Promise<void>;
  /** What the server says when it is asked whether it let go. */
  free = true;
  done: number | undefined = 0;

  async ready(): Promise<void> {
    if (this.down) throw new WatershedError('model_server_unavailable', 'down');
  }
  async load(name: string, versions: readonly { model: ModelVersion }[]): Promise<void> {
    this.calls.push(`load ${name} ${versions.map(({ model }) => model.version).join(',')}`);
    await this.gate;
    if (this.failing) throw this.failing;
  }
  async unload(name: string): Promise<void> {
    this.calls.push(`unload ${name}`);
  }
  async discard(model: ModelVersion): Promise<void> {
    this.calls.push(`discard ${model.version}`);
  }
  readonly drainLimits: number[] = [];
  async freed(_model: ModelVersion, limitMs: number): Promise<boolean> {
    this.drainLimits.push(limitMs);
    // Time passes at a real server: a loop that asks again must let others have their turn.
    await new Promise((resolve) => setImmediate(resolve));
    return this.free;
  }
  giveUp(model: ModelVersion): void {
    this.calls.push(`give up ${model.version}`);
  }
  async successes(): Promise<number | undefined> {
    return this.done;
  }
  async metadata({ manifest }: ModelVersion) {
    const wire = ({ name, datatype, shape }: (typeof manifest.inputs)[number]) => ({ name, datatype, shape });
    return {
      name: manifest.name,
      versions: [],
      platform: 'onnxruntime_onnx',
      inputs: manifest.inputs.map(wire),
      outputs: manifest.outputs.map(wire),
    };
  }
}

function make(change: Partial<ModelLifecycleOptions> = {}) {
  const host = new FakeHost();
  const clock = { ms: 0 };
  const budget = new MemoryBudget(100);
  const released: string[] = [];
  const models = new ModelLifecycle({
    host,
    blobs: { obtain: async (blob) => `/blobs/${blob.sha256}`, release: (sha256) => void released.push(sha256) },
    trust: { verifyPapers: async () => undefined, verifyFile: async () => undefined },
    budget,
    servedName: (name) => name.replace('/', '--'),
    mayRunHere: () => true,
    answerWithinMs: 1_000,
    drainLimitMs: 30_000,
    now: () => clock.ms,
    logger: { info: () => undefined, warn: () => undefined },
    ...change,
  });
  return { host, clock, budget, models, released };
}

const model = (change: { version?: string; memoryBytes?: number; serial?: number } = {}) =>
  sampleModel({ memoryBytes: 40, ...change });
const ready = (models: ModelLifecycle, version = '1.0.0') => models.find('org/sample', version);
const found = (models: ModelLifecycle, version = '1.0.0') => {
  const entry = ready(models, version);
  if (!entry) throw new Error('no such entry');
  return entry;
};

describe('ModelLifecycle', () => {
  it('loads a version once, however often it is ordered', async () => {
    const told: (boolean | undefined)[] = [];
    const { host, models } = make({ changed: () => told.push(models.served()[0]?.ready) });
    const order = { ...placement, model: model() };
    expect(await Promise.all([models.load(order), models.load(order)])).toEqual([
      { state: 'ready' },
      { state: 'ready' },
    ]);
    expect(told).toEqual([false, false, true]);
    expect(await models.load({ ...order, epoch: 2 })).toEqual({ state: 'ready' });
    expect(host.calls).toEqual(['load org/sample 1.0.0']);
    expect(models.served()).toEqual([
      { name: 'org/sample', version: '1.0.0', digest: order.model.digest, ready: true },
    ]);
  });

  it('refuses an order that a newer one has overtaken', async () => {
    const { models } = make();
    await models.load({ ...placement, epoch: 5, model: model() });
    await expect(models.load({ ...placement, epoch: 4, model: model() })).rejects.toMatchObject({ code: 'conflict' });
    const late = models.unload({ ...placement, epoch: 4, name: 'org/sample', version: '1.0.0' });
    await expect(late).rejects.toMatchObject({ code: 'conflict' });
    expect(ready(models)?.state).toBe('ready');
  });

  it('answers loading when it takes longer than the caller waits', async () => {
    const { host, models } = make({ answerWithinMs: 5 });
    let open: () => void = () => undefined;
    host.gate = new Promise((resolve) => {
      open = resolve;
    });
    expect(await models.load({ ...placement, model: model() })).toEqual({ state: 'loading' });
    open();
    await models.close();
    expect(ready(models)?.state).toBe('ready');
  });

  it('admits by peak memory, and fetches nothing for what has no room', async () => {
    const { budget, models, host } = make();
    await models.load({ ...placement, model: model({ memoryBytes: 70 }) });
    const second = await models.load({ ...placement, model: model({ version: '2.0.0', memoryBytes: 31 }) });
    expect(second).toMatchObject({ state: 'failed', failure: { code: 'memory_exhausted' } });
    expect(host.calls).toEqual(['load org/sample 1.0.0']);
    await models.unload({ ...placement, name: 'org/sample', version: '1.0.0' });
    expect(budget.freeBytes).toBe(100);
    expect(await models.load({ ...placement, epoch: 2, model: model({ version: '2.0.0', memoryBytes: 31 }) })).toEqual({
      state: 'ready',
    });
  });

  it('keeps nothing of a model that does not load', async () => {
    const { host, models, budget, released } = make();
    host.failing = new WatershedError('model_invalid', 'not ONNX');
    expect(await models.load({ ...placement, model: model() })).toMatchObject({ failure: { code: 'model_invalid' } });
    expect(budget.freeBytes).toBe(100);
    expect(released).toHaveLength(1);
    expect(host.calls).toEqual(['load org/sample 1.0.0', 'discard 1.0.0', 'unload org/sample']);
    expect(models.served()).toEqual([]);
  });

  it('refuses tensors that the manifest does not declare', async () => {
    const { host, models } = make();
    const metadata = host.metadata.bind(host);
    host.metadata = async (of) => {
      const known = await metadata(of);
      return { ...known, inputs: known.inputs.map((input) => ({ ...input, datatype: 'FP64' as const })) };
    };
    expect(await models.load({ ...placement, model: model() })).toMatchObject({ failure: { code: 'model_invalid' } });
  });

  it('refuses unsigned papers before it fetches a byte', async () => {
    const fetched: string[] = [];
    const { models } = make({
      blobs: { obtain: async (blob) => `/blobs/${fetched.push(blob.sha256)}`, release: () => undefined },
      trust: {
        verifyPapers: async () => {
          throw new WatershedError('signature_invalid', 'nobody signed it');
        },
        verifyFile: async () => undefined,
      },
    });
    expect(await models.load({ ...placement, model: model() })).toMatchObject({
      failure: { code: 'signature_invalid' },
    });
    expect(fetched).toEqual([]);
  });

  it('serves two versions side by side, and the newest to who names none', async () => {
    const { host, models } = make();
    await models.load({ ...placement, model: model({ version: '1.10.0', serial: 2 }) });
    await models.load({ ...placement, model: model({ version: '1.9.0', serial: 1 }) });
    expect(models.find('org/sample')?.model.version).toBe('1.10.0');
    await models.unload({ ...placement, name: 'org/sample', version: '1.10.0' });
    expect(models.find('org/sample')?.model.version).toBe('1.9.0');
    expect(host.calls.slice(-3)).toEqual(['load org/sample 1.10.0,1.9.0', 'discard 1.10.0', 'load org/sample 1.9.0']);
  });

  it('reloads after a crash, once for all the requests that it took along', async () => {
    const { host, models } = make();
    await models.load({ ...placement, model: model() });
    const entry = found(models);
    const { generation } = entry;
    for (let i = 0; i < 3; i++) models.ended(entry, generation, 'crashed');
    expect(entry.state).toBe('loading');
    expect(models.served()).toMatchObject([{ ready: false }]);
    await entry.work;
    expect(entry.state).toBe('ready');
    expect(host.calls.slice(1)).toEqual(['unload org/sample', 'load org/sample 1.0.0']);
    expect(entry.counts).toEqual({ inferences: 3, errors: 3 });
  });

  it('gives a model up that crashes twice within a minute, and lets it rest', async () => {
    const { clock, models, budget } = make();
    const order = { ...placement, model: model() };
    await models.load(order);
    const entry = found(models);
    models.ended(entry, entry.generation, 'crashed');
    await entry.work;
    clock.ms = 59_000;
    models.ended(entry, entry.generation, 'crashed');
    await entry.work;
    expect(entry.state).toBe('failed');
    expect(budget.freeBytes).toBe(100);
    const rests = await models.load({ ...order, epoch: 2 });
    expect(rests).toMatchObject({ state: 'failed', failure: { code: 'model_crashed' } });
    clock.ms += 60_000;
    expect(await models.load({ ...order, epoch: 3 })).toEqual({ state: 'ready' });
  });

  it('brings everything back when the server was gone, and blames nobody', async () => {
    const { host, models } = make();
    await models.load({ ...placement, model: model() });
    for (let i = 0; i < 3; i++) {
      models.serverGone();
      expect(models.stranded()).toHaveLength(1);
      host.down = true;
      models.revive();
      await found(models).work;
      expect(models.stranded()).toHaveLength(1);
      host.down = false;
      models.revive();
      await found(models).work;
      expect(found(models).state).toBe('ready');
    }
    expect(models.stranded()).toEqual([]);
  });

  it('lets an unload overtake the load that it arrives in', async () => {
    const { host, models, budget } = make();
    let open: () => void = () => undefined;
    host.gate = new Promise((resolve) => {
      open = resolve;
    });
    const loading = models.load({ ...placement, model: model() });
    const unloading = models.unload({ ...placement, epoch: 2, name: 'org/sample', version: '1.0.0' });
    open();
    host.gate = undefined;
    expect(await unloading).toEqual({ state: 'unloaded' });
    await loading;
    expect(models.served()).toEqual([]);
    expect(budget.freeBytes).toBe(100);
    expect(host.calls.at(-1)).toBe('unload org/sample');
  });

  it('takes no orders once it closes', async () => {
    const { models } = make();
    await models.close();
    await expect(models.load({ ...placement, model: model() })).rejects.toMatchObject({ code: 'shutting_down' });
  });

  describe('when a model hangs', () => {
    const killing = () => {
      const made = make();
      made.host.kill = async ({ version }) => void made.host.calls.push(`kill ${version}`);
      return made;
    };

    it('ends its process before anything else, and loads it once', async () => {
      const { host, models } = killing();
      await models.load({ ...placement, model: model() });
      const entry = found(models);
      const { generation } = entry;
      models.hung('org--sample', '1');
      expect([entry.state, models.served()[0]?.ready]).toEqual(['loading', false]);
      // What the process took along is told of it, and is no second death.
      models.ended(entry, generation, 'crashed');
      models.ended(entry, generation, 'crashed');
      models.hung('org--sample', '1');
      await entry.work;
      expect(entry.state).toBe('ready');
      expect(host.calls.slice(1)).toEqual(['kill 1.0.0', 'unload org/sample', 'load org/sample 1.0.0']);
    });

    it('takes the other versions of the model along for a moment, and other models not at all', async () => {
      const { host, models } = killing();
      await models.load({ ...placement, model: model() });
      await models.load({ ...placement, model: model({ version: '2.0.0', serial: 2 }) });
      models.hung('org--sample', '2');
      expect(models.served().map(({ ready }) => ready)).toEqual([false, false]);
      await found(models).work;
      expect(host.calls.slice(-3)).toEqual(['kill 2.0.0', 'unload org/sample', 'load org/sample 1.0.0,2.0.0']);
      models.hung('org--unknown', '1');
      expect(host.calls).toHaveLength(5);
    });

    it('gives it up when it hangs again and answered nothing in between, however long that took', async () => {
      const { host, clock, models, budget } = killing();
      await models.load({ ...placement, model: model() });
      const entry = found(models);
      const hang = async () => {
        clock.ms += 600_000;
        models.hung('org--sample', '1');
        await entry.work;
      };
      await hang();
      models.ended(entry, entry.generation, 'succeeded');
      await hang();
      expect(entry.state).toBe('ready');
      await hang();
      expect(entry).toMatchObject({ state: 'failed', failure: { code: 'model_crashed', retryAfterMs: 60_000 } });
      expect([host.calls.slice(-3), budget.freeBytes]).toEqual([
        ['kill 1.0.0', 'discard 1.0.0', 'unload org/sample'],
        100,
      ]);
    });

    it('puts it in quarantine where the server is not ours to kill, until it has answered again', async () => {
      const { host, models, budget } = make();
      await models.load({ ...placement, model: model() });
      const entry = found(models);
      models.hung('org--sample', '1');
      expect(host.calls.at(-1)).toBe('give up 1.0.0');
      const told = { state: 'failed', failure: { code: 'model_not_ready', details: { reason: 'memory_not_freed' } } };
      expect(await models.load({ ...placement, epoch: 2, model: model() })).toMatchObject(told);
      expect([models.served()[0]?.ready, budget.freeBytes]).toEqual([false, 60]);
      for (const successes of [undefined, 7, 7]) {
        host.done = successes;
        await models.examine(entry);
        expect(entry.state).toBe('quarantined');
      }
      host.done = 8;
      await models.examine(entry);
      expect([entry.state, entry.failure]).toEqual(['ready', undefined]);
      expect(host.calls.filter((call) => call.startsWith('load'))).toHaveLength(1);
    });

    it('loads it from quarantine again when the server has lost it', async () => {
      const { models } = make();
      await models.load({ ...placement, model: model() });
      models.hung('org--sample', '1');
      models.lost(found(models), 'missing');
      await found(models).work;
      expect(found(models)).toMatchObject({ state: 'ready', failure: undefined });
    });
  });

  describe('when a model that is unloaded does not let go', () => {
    const order = { ...placement, epoch: 2, name: 'org/sample', version: '1.0.0' };

    it('kills it at the drain limit, and counts its memory as free then', async () => {
      const { host, models, budget } = make();
      await models.load({ ...placement, model: model() });
      host.free = false;
      let end: () => void = () => undefined;
      const ending = new Promise<void>((resolve) => {
        end = resolve;
      });
      host.kill = async ({ version }) => {
        host.calls.push(`kill ${version}`);
        await ending;
      };
      const unloading = models.unload(order, 500);
      await eventually(() => host.calls.includes('kill 1.0.0'));
      expect([host.drainLimits, budget.freeBytes]).toEqual([[500], 60]);
      end();
      expect(await unloading).toEqual({ state: 'unloaded' });
      expect(budget.freeBytes).toBe(100);
    });

    it('kills over no lease that is not being revoked', async () => {
      const { host, models, budget } = make({ answerWithinMs: 20 });
      await models.load({ ...placement, model: model() });
      const entry = found(models);
      host.free = false;
      host.kill = async ({ version }) => void host.calls.push(`kill ${version}`);
      entry.tenants.admit('lease-1', 'guest');
      entry.tenants.admit('lease-2', 'guest');
      entry.tenants.revoke('lease-1');
      expect(await models.unload(order, 500)).toEqual({ state: 'unloading' });
      expect(host.calls).not.toContain('kill 1.0.0');
      entry.tenants.revoke('lease-2');
      await entry.work;
      expect(host.calls.at(-1)).toBe('kill 1.0.0');
      expect(budget.freeBytes).toBe(100);
    });

    it('keeps its memory taken where it cannot kill it, for as long as that lasts', async () => {
      const { host, models, budget } = make({ answerWithinMs: 20 });
      await models.load({ ...placement, model: model() });
      host.free = false;
      expect(await models.unload(order)).toEqual({ state: 'unloading' });
      expect(found(models).failure).toMatchObject({ details: { reason: 'memory_not_freed' } });
      expect([host.drainLimits[0], budget.freeBytes]).toEqual([30_000, 60]);
      host.free = true;
      await found(models).work;
      expect([budget.freeBytes, ready(models)]).toEqual([100, undefined]);
    });

    it('does not keep a runner from closing', async () => {
      const { host, models } = make({ answerWithinMs: 20 });
      await models.load({ ...placement, model: model() });
      host.free = false;
      await models.unload(order);
      await models.close();
      expect(host.drainLimits.length).toBeGreaterThan(0);
    });
  });
});
