import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FakeTriton } from '../testing/fake-triton.js';
import { inferenceStand } from '../testing/inference-stand.js';
import { sampleModel } from '../testing/sample-model.js';
import { RepositoryModelHost } from './repository-model-host.adapter.js';

const placement = { placementId: '01890000-0000-7000-8000-000000000001', epoch: 1 };
/** Who may read it beside its owner. */
const readers = async (path: string) => (await stat(path)).mode & 0o077;

describe('the folder of a model server', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'watershed-models-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it.each([
    ['can be read by a server of another user, the model that is kept on the same disk as well', true, [0o055, 0o044]],
    ["is its owner's alone where the server is ours", false, [0, 0]],
  ])('%s', async (_, openToOthers, [folders, files]) => {
    const blobPath = join(folder, 'blob');
    await writeFile(blobPath, 'model', { mode: 0o600 });
    const repository = join(folder, 'repository');
    const triton = new FakeTriton();
    await triton.start();
    const stand = await inferenceStand({
      supervisor: triton,
      host: (options) => new RepositoryModelHost(options, repository, () => '', openToOthers),
      blobs: { obtain: async () => blobPath, release: () => undefined },
    });
    try {
      expect(await stand.models.load({ ...placement, model: sampleModel({}) })).toMatchObject({ state: 'ready' });
      const root = join(repository, 'org--sample');
      expect(await Promise.all([root, join(root, '1')].map(readers))).toEqual([folders, folders]);
      expect(await Promise.all([join(root, 'config.pbtxt'), join(root, '1', 'model.onnx')].map(readers))).toEqual([
        files,
        files,
      ]);
    } finally {
      await stand.close();
    }
  });
});
