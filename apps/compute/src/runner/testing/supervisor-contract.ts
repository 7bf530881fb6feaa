import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeInferRequest, readInferResponse } from '#inference-protocol';
import { eventually } from '#testing';
import { addModel, ENDLESS, loopConfig, loopModel, writeModel } from '../../model-server/contract/built-models.js';
import {
  isModelServerError,
  type ModelProcesses,
  type ModelServer,
  type ModelServerSupervisor,
} from '../server/model-server.port.js';
import { TritonModelServer } from '../server/triton-model-server.adapter.js';
import { cpuTicks, isAlive, privateBytes } from './process-tree.js';

export interface SupervisedServer {
  readonly supervisor: ModelServerSupervisor & { readonly processes: ModelProcesses };
  /** The server's own process, once it is started. */
  serverProcess(): number | undefined;
  /** The living processes that run a model, found in the system, not asked of the server. */
  modelProcesses(name: string): number[];
}

/** A server may take so long from a process's end to the answers of what was in it. */
const promptlyMs = 3_000;
const loadTimeoutMs = 30_000;
const addConfig =
  'input { name: "X" data_type: TYPE_FP32 dims: [-1, 2] } output { name: "Y" data_type: TYPE_FP32 dims: [-1, 2] }';
const backend = 'backend: "onnxruntime" version_policy { all {} } instance_group { count: 1 kind: KIND_CPU }';

/**
 * What every supervisor with processes of its own keeps: `open` is given a folder of models in Triton's layout and answers
 * a supervisor that has started nothing yet.
 */
export function describeSupervisor(form: string, open: (modelRepository: string) => SupervisedServer): void {
  describe(`the supervisor of ${form}`, () => {
    let repository: string;
    let own: SupervisedServer;
    let server: ModelServer;

    beforeAll(async () => {
      repository = mkdtempSync(join(tmpdir(), 'watershed-supervised-'));
      writeModel(repository, 'org--loop', { 1: loopModel() }, `${backend} ${loopConfig}`);
      writeModel(repository, 'org--other-loop', { 1: loopModel() }, `${backend} ${loopConfig}`);
      writeModel(repository, 'org--add', { 1: addModel(1) }, `${backend} ${addConfig}`);
      own = open(repository);
      server = new TritonModelServer({
        supervisor: own.supervisor,
        connections: 8,
        controlTimeoutMs: 10_000,
        maxAnswerBytes: 1_000_000,
      });
      await own.supervisor.ensure();
      for (const name of ['org--loop', 'org--other-loop', 'org--add']) await server.load(name, {}, loadTimeoutMs);
    }, 120_000);

    afterAll(async () => {
      await server.close();
      await own.supervisor.close();
      rmSync(repository, { recursive: true, force: true });
    }, 60_000);

    const int64 = (n: number) => {
      const data = new Uint8Array(8);
      new DataView(data.buffer).setBigInt64(0, BigInt(n), true);
      return data;
    };
    const messageOf = (name: string, datatype: 'INT64' | 'FP32', shape: number[], data: Uint8Array) => {
      const { chunks, byteLength, headerLength } = encodeInferRequest({ inputs: [{ name, datatype, shape, data }] });
      return { headerLength, body: Buffer.concat(chunks, byteLength) };
    };
    const loop = async (model: string, n: number, timeoutMs = 20_000): Promise<number> => {
      const answer = await server.infer(model, '1', messageOf('N', 'INT64', [1], int64(n)), timeoutMs);
      const [count] = readInferResponse(answer.body, answer.headerLength).outputs;
      if (!count) throw new Error('no output');
      return new DataView(count.data.buffer, count.data.byteOffset).getFloat32(0, true);
    };
    const add = async (): Promise<number> => {
      const data = new Uint8Array(new Float32Array([1, 2]).buffer);
      const answer = await server.infer('org--add', '1', messageOf('X', 'FP32', [1, 2], data), 10_000);
      const [sum] = readInferResponse(answer.body, answer.headerLength).outputs;
      if (!sum) throw new Error('no output');
      return new DataView(sum.data.buffer, sum.data.byteOffset).getFloat32(0, true);
    };
    /** How a request ends that never should by itself. */
    const endOf = (sent: Promise<unknown>) =>
      sent.then(
        () => 'answered',
        (error: unknown) => (isModelServerError(error) ? error.failure : String(error)),
      );
    /** Waits until a model's processes have used a tenth of a second of processor time more: they are in the middle of it. */
    const atWork = (name: string) => {
      const pids = own.modelProcesses(name);
      const before = cpuTicks(pids);
      return eventually(() => cpuTicks(pids) >= before + 10, { timeoutMs: 10_000 });
    };
    const back = async (name: string) => {
      await server.unload(name);
      await server.load(name, {}, loadTimeoutMs);
    };

    it('runs what it loaded, one process or more a model', async () => {
      expect(await loop('org--loop', 1_000)).toBe(1_000);
      expect(await add()).toBe(2);
      const pids = ['org--loop', 'org--other-loop', 'org--add'].map((name) => own.modelProcesses(name));
      for (const of of pids) expect(of.length).toBeGreaterThan(0);
      expect(new Set(pids.flat()).size).toBe(pids.flat().length);
    });

    it.each([
      ['that loops in native code', false],
      ['that is stopped', true],
    ])('ends a model %s: its memory is free, its requests have crashed, others do not notice', async (_, stopped) => {
      const pids = own.modelProcesses('org--loop');
      const others = own.modelProcesses('org--add');
      expect(privateBytes(pids)).toBeGreaterThan(1_000_000);
      const hung = [endOf(loop('org--loop', ENDLESS)), endOf(loop('org--loop', 1))];
      await atWork('org--loop');
      if (stopped) for (const pid of pids) process.kill(pid, 'SIGSTOP');
      const bystander = loop('org--other-loop', 300_000);
      const killedAt = performance.now();
      expect(await own.supervisor.processes.killModel('org--loop', '1')).toBe(true);
      expect(pids.filter(isAlive)).toEqual([]);
      expect(privateBytes(pids)).toBe(0);
      expect(await Promise.all(hung)).toEqual(['crashed', 'crashed']);
      expect(performance.now() - killedAt).toBeLessThan(promptlyMs);
      expect(await add()).toBe(2);
      expect(own.modelProcesses('org--add')).toEqual(others);
      expect(await bystander).toBe(300_000);
      await back('org--loop');
      expect(await loop('org--loop', 7)).toBe(7);
    });

    it('answers that nothing was there to end', async () => {
      expect(await own.supervisor.processes.killModel('org--nothing', '1')).toBe(false);
      await own.supervisor.processes.killModel('org--loop', '1');
      await eventually(() => own.modelProcesses('org--loop').length === 0);
      expect(await own.supervisor.processes.killModel('org--loop', '1')).toBe(false);
      await back('org--loop');
    });

    it('says crashed of what a process took along that somebody else killed', async () => {
      const sent = endOf(loop('org--loop', ENDLESS));
      await atWork('org--loop');
      for (const pid of own.modelProcesses('org--loop')) process.kill(pid, 'SIGKILL');
      expect(await sent).toBe('crashed');
      expect(await add()).toBe(2);
      await back('org--loop');
      expect(await loop('org--loop', 9)).toBe(9);
    });

    it('tells, or sees, that a process ended which nobody asked anything', async () => {
      let told = 0;
      const stopListening = own.supervisor.onModelDied(() => {
        told += 1;
      });
      const { processes } = own.supervisor;
      const isSeen = (name: string) => processes.living?.().some((one) => one.name === name && one.version === '1');
      expect([told, isSeen('org--loop') ?? true]).toEqual([0, true]);
      for (const pid of own.modelProcesses('org--loop')) process.kill(pid, 'SIGKILL');
      await eventually(() => told === 1 || isSeen('org--loop') === false, { timeoutMs: promptlyMs });
      expect(isSeen('org--add') ?? true).toBe(true);
      stopListening();
      await back('org--loop');
      expect(isSeen('org--loop') ?? true).toBe(true);
    });

    it.each([
      ['at work', false],
      ['stopped, so that it answers nobody', true],
    ])('ends a server that is %s, with all its processes, and starts it again', async (_, stopped) => {
      const pid = own.serverProcess() ?? 0;
      const pids = ['org--loop', 'org--other-loop', 'org--add'].flatMap((name) => own.modelProcesses(name));
      let gone = 0;
      const stopListening = own.supervisor.onGone(() => {
        gone += 1;
      });
      const sent = endOf(loop('org--loop', ENDLESS));
      await atWork('org--loop');
      if (stopped) for (const one of [pid, ...pids]) process.kill(one, 'SIGSTOP');
      await own.supervisor.processes.killServer();
      expect([pid, ...pids].filter(isAlive)).toEqual([]);
      expect(await sent).toBe('unreachable');
      await eventually(() => gone === 1);
      stopListening();
      await eventually(async () => (await own.supervisor.ensure()) !== '' && (await server.ready()), {
        timeoutMs: 20_000,
      });
      expect(own.serverProcess()).not.toBe(pid);
      for (const name of ['org--loop', 'org--other-loop', 'org--add']) await server.load(name, {}, loadTimeoutMs);
      expect([await add(), await loop('org--loop', 3)]).toEqual([2, 3]);
    });

    it('leaves nothing behind when it closes, whatever its models do', async () => {
      const sent = endOf(loop('org--loop', ENDLESS));
      await atWork('org--loop');
      const pid = own.serverProcess() ?? 0;
      const pids = ['org--loop', 'org--other-loop', 'org--add'].flatMap((name) => own.modelProcesses(name));
      for (const one of own.modelProcesses('org--other-loop')) process.kill(one, 'SIGSTOP');
      await own.supervisor.close();
      expect(['unreachable', 'crashed', 'busy', 'not_ready']).toContain(await sent);
      await eventually(() => [pid, ...pids].filter(isAlive).length === 0);
      await own.supervisor.processes.killServer();
      expect(await own.supervisor.processes.killModel('org--loop', '1')).toBe(false);
      await expect(own.supervisor.ensure()).rejects.toMatchObject({ code: 'model_server_unavailable' });
    });
  });
}
