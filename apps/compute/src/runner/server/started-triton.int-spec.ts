import { readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tritonFolder, tritonSharedMemoryPrefix } from '#local-services';
import { optionalTool } from '#testing';
import { projectRoot, tritonAbsence } from '../../model-server/contract/real-triton.js';
import { processesBelow } from '../testing/process-tree.js';
import { describeSupervisor } from '../testing/supervisor-contract.js';
import { Backoff } from './backoff.js';
import { StartedTriton } from './started-triton.supervisor.js';

const started = (modelRepository: string, folder: string, installationFolder = tritonFolder(projectRoot)) =>
  new StartedTriton({
    installationFolder,
    modelRepository,
    folder,
    startTimeoutMs: 30_000,
    stopGraceMs: 2_000,
    backoff: new Backoff({ firstMs: 20, longestMs: 200, resetAfterMs: 60_000, random: () => 0 }),
    logger: { info: () => undefined, warn: () => undefined },
  });

optionalTool('triton', tritonAbsence()).describe('a real Triton', () => {
  describeSupervisor('a Triton that we started', (modelRepository) => {
    const supervisor = started(modelRepository, join(modelRepository, '.triton'));
    return {
      supervisor,
      serverProcess: () => supervisor.processId,
      modelProcesses: (name) =>
        processesBelow(supervisor.processId ?? -1)
          .filter(({ command }) => command.includes(`/${name}/1/model.onnx `))
          .map(({ pid }) => pid),
    };
  });

  it('takes its shared memory along when it goes', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'watershed-triton-'));
    const supervisor = started(folder, join(folder, '.triton'));
    await supervisor.ensure();
    await supervisor.close();
    const prefix = tritonSharedMemoryPrefix(folder);
    expect(readdirSync('/dev/shm').filter((name) => name.startsWith(prefix))).toEqual([]);
    await rm(folder, { recursive: true });
  });
});

describe('a Triton that is not set up', () => {
  it('is said to be missing', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'watershed-triton-'));
    const supervisor = started(folder, join(folder, '.triton'), join(folder, 'nothing'));
    await expect(supervisor.ensure()).rejects.toMatchObject({
      code: 'model_server_unavailable',
      cause: { code: 'triton_unavailable' },
    });
    await supervisor.close();
    await rm(folder, { recursive: true });
  });
});
