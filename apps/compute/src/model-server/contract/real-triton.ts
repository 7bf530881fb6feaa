// For tests: the Triton that `npm run -s triton -- setup` put beside this checkout, where there is one.
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findTriton, type LocalTriton, startTriton, type TritonInstallation, tritonFolder } from '#local-services';
import { fixtures } from './recordings.js';

const own = fileURLToPath(import.meta.url);
export const projectRoot = own.slice(0, own.search(/(dist\/)?apps\/compute\/src\/model-server/));

const installedTriton = (): TritonInstallation | undefined => findTriton(tritonFolder(projectRoot));

/** Why tests cannot have a Triton; undefined when they can. */
export const tritonAbsence = (): string | undefined =>
  installedTriton() ? undefined : 'none is set up; npm run -s triton -- setup does';

/** Starts one over a copy of the recorded models, nothing loaded; everything of it goes when it is stopped. */
export async function startRealTriton(): Promise<LocalTriton> {
  const installation = installedTriton();
  if (!installation) throw new Error(tritonAbsence());
  const folder = mkdtempSync(join(tmpdir(), 'watershed-contract-'));
  // Python writes its cache beside the models that are programs; the fixtures stay as they were recorded.
  const modelRepository = join(folder, 'models');
  cpSync(fixtures().models, modelRepository, { recursive: true });
  const server = await startTriton({ installation, modelRepository, folder: join(folder, 'triton') });
  const stop = async () => {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  return { ...server, stop };
}
