import { WatershedError } from '#errors';
import { found, make, model, placement, ready } from './lifecycle.fixture.js';

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
});
