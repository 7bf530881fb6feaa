import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import onnxProto from 'onnx-proto';
import { tritonConfigOf } from '#model-repository';
import { eventually } from '#testing';
import { checkModelFile } from '../model/model-file.check.js';
import { RepositoryModelHost } from '../model/repository-model-host.adapter.js';
import { inferenceStand } from '../testing/inference-stand.js';
import { sampleModel } from '../testing/sample-model.js';
import { Backoff } from './backoff.js';
import { EmbeddedModelServer } from './embedded-model-server.supervisor.js';
import { modelServerMain } from './model-server-main.js';

const { onnx } = onnxProto;
const placement = { placementId: '01890000-0000-7000-8000-000000000001', epoch: 1 };
const fixture = (name: string) =>
  join(import.meta.dirname, '..', '..', '..', 'fixtures', 'triton', 'models', name, '1', 'model.onnx');

/** As its ONNX file declares it: four INT32, and one more of each. */
const addOne = sampleModel({
  manifest: {
    parameterCount: 1,
    maxBatchSize: 8,
    inputs: [{ name: 'INPUT0', datatype: 'INT32', shape: [4] }],
    outputs: [{ name: 'OUTPUT0', datatype: 'INT32', shape: [4] }],
  },
});
const ask = '{"inputs":[{"name":"INPUT0","datatype":"INT32","shape":[1,4],"data":[1,2,3,4]}]}';
const answer = { name: 'OUTPUT0', datatype: 'INT32', shape: [1, 4], data: [2, 3, 4, 5] };

/** Process ids of the models' processes of a server. */
function modelProcesses(serverPid: number | undefined): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const parent = Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[1]);
        return parent === serverPid && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('model-child');
      } catch {
        return false; // it has ended meanwhile
      }
    });
}

const isAlive = (pid: number): boolean => {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
};

describe('the embedded model server under a runner', () => {
  let folder: string;
  let supervisor: EmbeddedModelServer;
  let stand: Awaited<ReturnType<typeof inferenceStand>>;

  // Its processes run from the build.
  beforeAll(() => {
    execFileSync(process.execPath, [join(import.meta.dirname, '..', '..', '..', '..', '..', 'scripts', 'build.mjs')]);
  }, 120_000);

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'watershed-runner-'));
    await cp(fixture('add_one'), join(folder, 'blob'));
    const repository = join(folder, 'models');
    supervisor = new EmbeddedModelServer({
      mainFile: modelServerMain(),
      modelRepository: repository,
      startTimeoutMs: 10_000,
      stopGraceMs: 2_000,
      backoff: new Backoff({ firstMs: 20, longestMs: 200, resetAfterMs: 60_000, random: () => 0 }),
      logger: { info: () => undefined, warn: () => undefined },
    });
    stand = await inferenceStand({
      supervisor,
      // Longer than any test: what is found in time was told, not looked for.
      watchIntervalMs: 60_000,
      host: (options) => {
        const host = new RepositoryModelHost(options, repository, ([first]) =>
          first ? tritonConfigOf(first.model.manifest) : '',
        );
        cleaned = host.clean();
        return host;
      },
      blobs: { obtain: async () => join(folder, 'blob'), release: () => undefined },
      verifyFile: (model, path) => checkModelFile(path, model),
    });
    await cleaned;
    expect(supervisor.url()).toBeUndefined();
    expect(await stand.models.load({ ...placement, model: addOne })).toEqual({ state: 'ready' });
  }, 20_000);
  let cleaned: Promise<boolean> | undefined;

  afterEach(async () => {
    const pid = supervisor.processId;
    await stand.close();
    if (pid !== undefined) await eventually(() => !isAlive(pid));
    await rm(folder, { recursive: true, force: true });
    expect(stand.internal).toEqual([]);
  });

  const infer = async () => {
    try {
      const { status, json } = await stand.infer(ask);
      return { status, code: json.code, outputs: json.outputs };
    } catch (error) {
      return { status: 0, code: (error as { code?: string }).code, outputs: undefined };
    }
  };

  it('answers, counts and tells its metrics', async () => {
    expect(await infer()).toEqual({ status: 200, code: undefined, outputs: [answer] });
    expect(await stand.server.statistics('org--sample', '1')).toMatchObject({ inferenceCount: 1, failCount: 0 });
    expect(await stand.server.metrics()).toContain('nv_inference_request_success');
    expect(await stand.server.modelReady('org--sample', '1')).toBe(true);
    expect(await stand.server.config('org--sample')).toMatchObject({ name: 'org--sample', max_batch_size: 8 });
    expect((await stand.server.serverMetadata()).version).not.toBe('');
  });

  it('says model_crashed at once when the process is killed in mid-request, and answers again without a hand', async () => {
    const [process_] = modelProcesses(supervisor.processId);
    if (process_ === undefined) throw new Error('no process');
    // Stopped, it holds the request for as long as it takes to kill it.
    process.kill(process_, 'SIGSTOP');
    const waiting = [infer(), infer(), infer()];
    await eventually(() => stand.admission.inFlight === 3);
    await eventually(async () =>
      (await stand.server.metrics()).includes('nv_inference_pending_request_count{model="org--sample",version="1"} 3'),
    );
    const killedAt = performance.now();
    process.kill(process_, 'SIGKILL');
    for (const { status, code } of await Promise.all(waiting)) expect([status, code]).toEqual([502, 'model_crashed']);
    expect(performance.now() - killedAt).toBeLessThan(1_000);
    await eventually(async () => (await infer()).status === 200, { timeoutMs: 10_000 });
    expect(modelProcesses(supervisor.processId)).not.toContain(process_);
  }, 20_000);

  it('sees a process die that nobody was asking', async () => {
    const [process_] = modelProcesses(supervisor.processId);
    process.kill(process_ ?? 0, 'SIGKILL');
    await eventually(() => modelProcesses(supervisor.processId).some((pid) => pid !== process_), { timeoutMs: 10_000 });
    await eventually(async () => (await infer()).status === 200, { timeoutMs: 10_000 });
  }, 20_000);

  it('gives up a model that is killed twice within a minute', async () => {
    for (let i = 0; i < 2; i++) {
      const [process_] = await eventually(() => {
        const found = modelProcesses(supervisor.processId);
        return stand.models.find('org/sample')?.state === 'ready' && found.length > 0 && found;
      });
      process.kill(process_ ?? 0, 'SIGKILL');
      await eventually(() => stand.models.find('org/sample')?.state !== 'ready');
      await stand.models.find('org/sample')?.work;
    }
    expect(stand.models.find('org/sample')).toMatchObject({ state: 'failed', failure: { code: 'model_crashed' } });
    expect((await infer()).code).toBe('model_crashed');
    expect(modelProcesses(supervisor.processId)).toEqual([]);
  }, 20_000);

  it('starts the server again when it is killed, and loads its models anew', async () => {
    const pid = supervisor.processId;
    const [child] = modelProcesses(pid);
    process.kill(child ?? 0, 'SIGSTOP');
    const waiting = infer();
    await eventually(() => stand.admission.inFlight === 1);
    process.kill(pid ?? 0, 'SIGKILL');
    expect((await waiting).code).toBe('model_server_unavailable');
    await eventually(async () => (await infer()).status === 200, { timeoutMs: 10_000 });
    expect(supervisor.processId).not.toBe(pid);
    await eventually(() => !isAlive(child ?? 0));
  }, 20_000);

  it('kills a model by name', async () => {
    const [process_] = modelProcesses(supervisor.processId);
    process.kill(process_ ?? 0, 'SIGSTOP');
    const waiting = infer();
    await eventually(() => stand.admission.inFlight === 1);
    await eventually(async () => (await stand.server.metrics()).includes('version="1"} 1'));
    expect(await supervisor.processes.killModel('org--sample', '1')).toBe(true);
    expect((await waiting).code).toBe('model_crashed');
    await eventually(() => !isAlive(process_ ?? 0));
  }, 20_000);

  it('ends with the process that started it, however that ends', async () => {
    const supervisorFile = modelServerMain().replace(
      'model-server/main.js',
      'runner/server/embedded-model-server.supervisor.js',
    );
    const program = `
      const { EmbeddedModelServer } = await import(${JSON.stringify(supervisorFile)});
      const logger = { info() {}, warn() {} };
      const server = new EmbeddedModelServer({ mainFile: ${JSON.stringify(modelServerMain())},
        modelRepository: ${JSON.stringify(join(folder, 'models'))}, startTimeoutMs: 10_000, stopGraceMs: 1_000, logger });
      await server.ensure();
      console.log(server.processId);
      setInterval(() => undefined, 1_000);
    `;
    const parent = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(parent.stdout, 'data')) as [Buffer];
    const pid = Number(line.toString('utf8'));
    expect(isAlive(pid)).toBe(true);
    parent.kill('SIGKILL');
    await eventually(() => !isAlive(pid));
  }, 20_000);

  it('frees the process of a model that is unloaded', async () => {
    const [process_] = modelProcesses(supervisor.processId);
    expect(await stand.models.unload({ ...placement, name: 'org/sample', version: '1.0.0' })).toEqual({
      state: 'unloaded',
    });
    await eventually(() => !isAlive(process_ ?? 0));
    expect((await infer()).code).toBe('model_unknown');
    expect(readdirSync(join(folder, 'models', 'org--sample'))).toEqual(['config.pbtxt']);
  });

  it('refuses a file that is not ONNX, and keeps nothing of it', async () => {
    await cp(fixture('broken'), join(folder, 'blob'));
    const broken = sampleModel({ name: 'org/broken', serial: 7 });
    expect(
      await stand.models.load({ ...placement, placementId: placement.placementId.replace('1', '2'), model: broken }),
    ).toMatchObject({
      state: 'failed',
      failure: { code: 'model_invalid' },
    });
    expect((await infer()).status).toBe(200);
  });

  const weights = { name: 'W', dims: [4], dataType: onnx.TensorProto.DataType.INT32 };
  const outside = {
    ...weights,
    dataLocation: onnx.TensorProto.DataLocation.EXTERNAL,
    externalData: [
      { key: 'location', value: '../../../../../../../etc/passwd' },
      { key: 'length', value: '16' },
    ],
  };
  it.each([
    ['names a file outside', { opType: 'Add' }, outside, /another file/],
    [
      'has an operator of its own',
      { opType: 'Shell', domain: 'org.evil' },
      { ...weights, int32Data: [1, 1, 1, 1] },
      /"Shell" of "org.evil"/,
    ],
  ])(
    'refuses a model that %s, whoever approved it, and never shows it to the server',
    async (_, node, initializer, why) => {
      const tensor = (name: string) => ({
        name,
        type: {
          tensorType: {
            elemType: onnx.TensorProto.DataType.INT32,
            shape: { dim: [{ dimParam: 'n' }, { dimValue: 4 }] },
          },
        },
      });
      const file = onnx.ModelProto.encode(
        onnx.ModelProto.create({
          irVersion: 8,
          opsetImport: [
            { domain: '', version: 13 },
            { domain: 'org.evil', version: 1 },
          ],
          graph: {
            name: 'g',
            node: [{ ...node, input: ['INPUT0', 'W'], output: ['OUTPUT0'] }],
            initializer: [initializer],
            input: [tensor('INPUT0')],
            output: [tensor('OUTPUT0')],
          },
        }),
      ).finish();
      await writeFile(join(folder, 'blob'), file);
      const crafted = sampleModel({
        name: 'org/crafted',
        serial: 8,
        manifest: { ...addOne.manifest, name: 'org/crafted' },
      });
      const order = { ...placement, placementId: placement.placementId.replace('1', '2'), model: crafted };
      expect(await stand.models.load(order)).toMatchObject({
        state: 'failed',
        failure: { code: 'model_invalid', message: expect.stringMatching(why) },
      });
      expect(readdirSync(join(folder, 'models'))).toEqual(['org--sample']);
      expect((await infer()).status).toBe(200);
    },
  );

  it('ends a server that does not carry out a kill, and what it was to kill with it', async () => {
    const pid = supervisor.processId ?? 0;
    const [process_ = 0] = modelProcesses(pid);
    process.kill(pid, 'SIGSTOP');
    process.kill(process_, 'SIGSTOP');
    expect(await supervisor.processes.killModel('org--sample', '1')).toBe(true);
    expect([pid, process_].filter(isAlive)).toEqual([]);
    await eventually(async () => (await infer()).status === 200, { timeoutMs: 10_000 });
  }, 20_000);
});
