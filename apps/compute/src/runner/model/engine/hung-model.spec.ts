import { eventually } from '#testing';
import { found, make, model, placement, ready } from './lifecycle.fixture.js';

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
