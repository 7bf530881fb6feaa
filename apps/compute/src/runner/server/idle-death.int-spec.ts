import { eventually } from '#testing';
import { FakeTriton } from '../testing/fake-triton.js';
import { inferenceStand } from '../testing/inference-stand.js';
import { sampleModel } from '../testing/sample-model.js';

const placement = { placementId: '01890000-0000-7000-8000-000000000001', epoch: 1 };
const watchIntervalMs = 60_000;

/** A Triton whose model's process dies, as the runner may learn of it while nobody asks the model anything. */
describe('a model that dies while nobody asks it anything', () => {
  let triton: FakeTriton;
  let stand: Awaited<ReturnType<typeof inferenceStand>>;
  const told: boolean[] = [];

  const open = async (intervalMs: number) => {
    triton = new FakeTriton();
    await triton.start();
    told.length = 0;
    stand = await inferenceStand({
      supervisor: triton,
      watchIntervalMs: intervalMs,
      changed: () => told.push(stand.models.served()[0]?.ready === true),
    });
    await stand.models.load({ ...placement, model: sampleModel({}) });
    expect(told.at(-1)).toBe(true);
    told.length = 0;
  };
  const comesBack = async () => {
    await eventually(() => triton.loads.length === 2 && stand.models.find('org/sample')?.state === 'ready');
    // Whoever picks a runner was told that it is not ready, and then that it is.
    expect(told).toEqual([false, true]);
  };

  afterEach(() => stand.close());

  it('is found by its server’s index, at a Triton of somebody else', async () => {
    await open(20);
    triton.index = [{ name: 'org--sample', version: '1', state: 'UNAVAILABLE', reason: 'it died' }];
    await comesBack();
  });

  it('is found without waiting for the next look, where its end is told', async () => {
    await open(watchIntervalMs);
    triton.index = [{ name: 'org--sample', version: '1', state: 'UNAVAILABLE', reason: 'it died' }];
    triton.modelDied();
    await comesBack();
  });

  it('is found by its process, where its server goes on calling it ready', async () => {
    await open(20);
    expect(triton.index).toMatchObject([{ state: 'READY' }]);
    triton.processes = {
      killModel: async () => false,
      killServer: async () => undefined,
      living: () => (triton.loads.length === 1 ? [] : [{ name: 'org--sample', version: '1' }]),
    };
    await comesBack();
  });

  it('is looked at once more where its end is told in the middle of a look', async () => {
    await open(watchIntervalMs);
    stand.watch.soon();
    triton.index = [{ name: 'org--sample', version: '1', state: 'UNAVAILABLE', reason: 'it died' }];
    stand.watch.soon();
    await comesBack();
  });
});
