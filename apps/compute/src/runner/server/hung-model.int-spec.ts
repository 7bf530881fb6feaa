import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tritonConfigOf } from '#model-repository';
import { eventually } from '#testing';
import { addModel, ENDLESS, loopModel } from '../../model-server/contract/built-models.js';
import { buildOnce } from '../../model-server/contract/test-server.js';
import { RepositoryModelHost } from '../model/repository-model-host.adapter.js';
import { inferenceStand, send } from '../testing/inference-stand.js';
import { cpuTicks, isAlive, privateBytes, processesBelow } from '../testing/process-tree.js';
import { sampleModel } from '../testing/sample-model.js';
import { Backoff } from './backoff.js';
import { EmbeddedModelServer } from './embedded-model-server.supervisor.js';
import { modelServerMain } from './model-server-main.js';

const limitMs = 1_500;
const placement = { placementId: '01890000-0000-7000-8000-000000000001', epoch: 1 };
const loop = sampleModel({
  name: 'org/loop',
  manifest: {
    inputs: [{ name: 'N', datatype: 'INT64', shape: [1] }],
    outputs: [{ name: 'COUNT', datatype: 'FP32', shape: [1] }],
  },
});
const add = sampleModel({
  name: 'org/add',
  serial: 2,
  manifest: {
    inputs: [{ name: 'X', datatype: 'FP32', shape: [-1, 2] }],
    outputs: [{ name: 'Y', datatype: 'FP32', shape: [-1, 2] }],
  },
});

describe('a model that hangs under a runner', () => {
  let folder: string;
  let supervisor: EmbeddedModelServer;
  let stand: Awaited<ReturnType<typeof inferenceStand>>;

  beforeAll(async () => {
    buildOnce();
    folder = mkdtempSync(join(tmpdir(), 'watershed-hung-'));
    writeFileSync(join(folder, loop.manifest.blob.sha256), loopModel());
    writeFileSync(join(folder, add.manifest.blob.sha256), addModel(1));
    const repository = join(folder, 'models');
    supervisor = new EmbeddedModelServer({
      mainFile: modelServerMain(),
      modelRepository: repository,
      startTimeoutMs: 10_000,
      stopGraceMs: 1_000,
      backoff: new Backoff({ firstMs: 20, longestMs: 200, resetAfterMs: 60_000, random: () => 0 }),
      logger: { info: () => undefined, warn: () => undefined },
    });
    let cleaned: Promise<boolean> | undefined;
    stand = await inferenceStand({
      supervisor,
      inferTimeoutMs: limitMs,
      controlTimeoutMs: 500,
      host: (options) => {
        const host = new RepositoryModelHost(options, repository, ([first]) =>
          first ? tritonConfigOf(first.model.manifest) : '',
        );
        cleaned = host.clean();
        return host;
      },
      blobs: { obtain: async ({ sha256 }) => join(folder, sha256), release: () => undefined },
    });
    await cleaned;
    for (const [at, model] of [loop, add].entries())
      expect(
        await stand.models.load({ placementId: placement.placementId.replace(/1$/, `${at}`), epoch: 1, model }),
      ).toEqual({
        state: 'ready',
      });
  }, 60_000);

  afterAll(async () => {
    await stand.close();
    rmSync(folder, { recursive: true, force: true });
    expect(stand.internal).toEqual([]);
  });

  /** A success in between: what follows is a first time again. */
  beforeEach(async () => {
    await eventually(async () => expect((await count(10)).outcome).toBe(200), { timeoutMs: 10_000 });
    await eventually(async () => expect(await sum()).toBe(200), { timeoutMs: 10_000 });
  });

  const ask = async (model: string, body: string, headers: Record<string, string> = {}) => {
    const startedAt = performance.now();
    const bytes = Buffer.from(body);
    const ticket = await stand.reserve(bytes.byteLength, 'tensors', model);
    if ('refusal' in ticket) return { outcome: ticket.refusal.code, tookMs: 0 };
    const { status, json } = await send(ticket, bytes, headers);
    return { outcome: status === 200 ? 200 : json.code, tookMs: performance.now() - startedAt };
  };
  const count = (n: number, timeoutMs?: number) =>
    ask(
      'org/loop',
      `{"inputs":[{"name":"N","datatype":"INT64","shape":[1],"data":[${n}]}]}`,
      timeoutMs === undefined ? {} : { 'watershed-timeout-ms': String(timeoutMs) },
    );
  const sum = async () =>
    (await ask('org/add', '{"inputs":[{"name":"X","datatype":"FP32","shape":[1,2],"data":[1,2]}]}')).outcome;
  const processesOf = (name: string) =>
    processesBelow(supervisor.processId ?? -1)
      .filter(({ command }) => command.includes(`model-child.js ${name} `))
      .map(({ pid }) => pid);
  const atWork = async () => {
    const pids = processesOf('org--loop');
    const before = cpuTicks(pids);
    await eventually(() => cpuTicks(pids) >= before + 5);
  };

  it.each([
    ['loops in native code', false],
    ['is stopped', true],
  ])(
    '%s: it is killed at the limit, its memory is free, who waits is told, and it serves again',
    async (_, stopped) => {
      const [pid = 0] = processesOf('org--loop');
      const others = processesOf('org--add');
      expect(privateBytes([pid])).toBeGreaterThan(1_000_000);
      if (stopped) process.kill(pid, 'SIGSTOP');
      const first = count(stopped ? 1 : ENDLESS);
      await eventually(() => stand.admission.inFlight === 1);
      if (!stopped) await atWork();
      const behind = [count(1), count(2)];
      const neighbours = [sum(), sum(), sum()];
      expect(await Promise.all(neighbours)).toEqual([200, 200, 200]);
      expect((await first).outcome).toBe('deadline_exceeded');
      for (const { outcome, tookMs } of await Promise.all(behind)) {
        // They were sent a moment later, so the model's limit comes before their own.
        expect(['model_crashed', 'deadline_exceeded']).toContain(outcome);
        expect(tookMs).toBeLessThan(limitMs + 1_000);
      }
      await eventually(() => !isAlive(pid));
      expect(privateBytes([pid])).toBe(0);
      await eventually(async () => expect((await count(5)).outcome).toBe(200), { timeoutMs: 10_000 });
      expect(processesOf('org--loop')).toHaveLength(1);
      expect(processesOf('org--add')).toEqual(others);
      expect(await sum()).toBe(200);
    },
  );

  it('says model_crashed to a request that came while it hung', async () => {
    const first = count(ENDLESS, 100);
    await atWork();
    expect((await first).outcome).toBe('deadline_exceeded');
    // The caller's own limit ended its wait, nothing else.
    expect(processesOf('org--loop')).toHaveLength(1);
    const second = await count(1);
    expect(second.outcome).toBe('model_crashed');
    expect(second.tookMs).toBeLessThan(limitMs);
  });

  it('is not killed for a caller with little patience, nor for many slow answers one after the other', async () => {
    const pids = processesOf('org--loop');
    const one = await count(100_000);
    expect(one.outcome).toBe(200);
    // Each takes a tenth of the limit, and all of them together longer than it, whatever machine this is.
    const tenth = Math.ceil((100_000 * limitMs) / 10 / one.tookMs);
    const slow = Array.from({ length: 15 }, () => count(tenth));
    await atWork();
    expect((await count(1, 20)).outcome).toBe('deadline_exceeded');
    const outcomes = (await Promise.all(slow)).map(({ outcome }) => outcome);
    expect(outcomes.filter((outcome) => outcome === 'model_crashed')).toEqual([]);
    expect(outcomes.filter((outcome) => outcome === 200).length).toBeGreaterThan(0);
    await eventually(async () => expect((await count(1)).outcome).toBe(200));
    expect(processesOf('org--loop')).toEqual(pids);
  });

  it('frees the memory of a model that is unloaded while it hangs, at the drain limit', async () => {
    const [pid = 0] = processesOf('org--loop');
    const sent = count(ENDLESS);
    await atWork();
    const startedAt = performance.now();
    const order = { placementId: placement.placementId.replace(/1$/, '0'), name: 'org/loop', version: '1.0.0' };
    expect(await stand.models.unload({ ...order, epoch: 2 }, 300)).toEqual({ state: 'unloaded' });
    const tookMs = performance.now() - startedAt;
    expect([tookMs >= 300, tookMs < 1_300, isAlive(pid)]).toEqual([true, true, false]);
    expect((await sent).outcome).toBe('model_crashed');
    expect(await sum()).toBe(200);
    expect(await stand.models.load({ placementId: order.placementId, epoch: 3, model: loop })).toEqual({
      state: 'ready',
    });
  });

  it('whose whole server hangs: the server is ended and started anew, and everything serves again', async () => {
    const pid = supervisor.processId ?? 0;
    const children = [...processesOf('org--loop'), ...processesOf('org--add')];
    process.kill(pid, 'SIGSTOP');
    const waiting = [sum(), sum()];
    for (const outcome of await Promise.all(waiting))
      expect(['model_server_unavailable', 'deadline_exceeded']).toContain(outcome);
    await eventually(() => ![pid, ...children].some(isAlive), { timeoutMs: 10_000 });
    await eventually(async () => expect(await sum()).toBe(200), { timeoutMs: 10_000 });
    await eventually(async () => expect((await count(3)).outcome).toBe(200), { timeoutMs: 10_000 });
    expect(supervisor.processId).not.toBe(pid);
  });

  it('rests when it hangs twice without one answer', async () => {
    for (const end of ['ready', 'failed']) {
      const entry = stand.models.find('org/loop');
      const before = entry?.generation ?? 0;
      await count(ENDLESS);
      // Its caller may hear of the deadline a moment before the runner sees that the model hangs.
      await eventually(() => expect([entry?.state, (entry?.generation ?? 0) > before]).toEqual([end, true]), {
        timeoutMs: 10_000,
      });
    }
    await stand.models.find('org/loop')?.work;
    expect(processesOf('org--loop')).toEqual([]);
    expect((await count(1)).outcome).toBe('model_crashed');
    expect(await sum()).toBe(200);
  });
});
