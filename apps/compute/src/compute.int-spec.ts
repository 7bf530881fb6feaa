import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { modelsChanged, orchestratorDisplace, orchestratorPlace, orchestratorPlacements, runnerLoad } from '#contracts';
import type { RunningApp } from '#node';
import { AppStand, eventually } from '#testing';
import { startOrchestrator } from './orchestrator/start-orchestrator.js';
import { startRunner } from './runner/start-runner.js';
import { ClusterAround } from './testing/cluster-around.js';

const fixture = (name: string) =>
  readFile(join(import.meta.dirname, '..', 'fixtures', 'triton', 'models', name, '1', 'model.onnx'));
const ask = '{"inputs":[{"name":"INPUT0","datatype":"INT32","shape":[1,4],"data":[1,2,3,4]}]}';
const draft = (change: { name?: string; version?: string } = {}) => ({
  name: 'org/add-one',
  version: '1.0.0',
  description: '',
  licence: 'Apache-2.0',
  purpose: 'tests',
  parameterCount: 1,
  memoryBytes: 10_000_000,
  maxBatchSize: 8,
  inputs: [{ name: 'INPUT0', datatype: 'INT32' as const, shape: [4] }],
  outputs: [{ name: 'OUTPUT0', datatype: 'INT32' as const, shape: [4] }],
  regions: [],
  ...change,
});

describe('orchestrator and runner in a cluster', () => {
  let stand: AppStand;
  let around: ClusterAround;
  let orchestrator: RunningApp;
  let runner: RunningApp;
  const settings = {
    ORCHESTRATOR_RECONCILE_INTERVAL_MS: '1000',
    ORCHESTRATOR_STUCK_AFTER_MS: '3000',
    ORCHESTRATOR_HEARTBEAT_GRACE_MS: '1000',
    RUNNER_MODEL_MEMORY_BYTES: '25000000',
    RUNNER_WATCH_INTERVAL_MS: '200',
  };
  const newOrchestrator = () =>
    stand.hold(startOrchestrator(stand.env('orchestrator', settings), { index: stand.index.port() }));
  const newRunner = () => stand.hold(startRunner(stand.env('runner', settings), { index: stand.index.port() }));

  // The models' processes run from the build.
  beforeAll(() => {
    execFileSync(process.execPath, [join(import.meta.dirname, '..', '..', '..', 'scripts', 'build.mjs')]);
  }, 120_000);

  beforeEach(async () => {
    stand = await AppStand.open();
    around = await ClusterAround.start(stand);
    orchestrator = await newOrchestrator();
    runner = await newRunner();
    await eventually(
      () =>
        around.node.directory.find('runner').length === 1 && around.node.directory.find('orchestrator').length === 1,
    );
  }, 60_000);

  afterEach(() => stand?.close(), 30_000);

  const place = (model: string, more: { nodeId?: string } = {}) =>
    around.node.bus.call(orchestratorPlace, { model, ...more });
  const states = async () => {
    const { items } = await around.node.bus.call(orchestratorPlacements, {});
    return items.map((one) => `${one.model} ${one.version} ${one.state}${one.failure ? ` ${one.failure.code}` : ''}`);
  };
  const until = (wanted: string[]) =>
    eventually(async () => expect(await states()).toEqual(wanted), { timeoutMs: 15_000 });
  const infer = (model = 'org/add-one') => around.infer(runner.nodeId, model, ask);

  it('places, infers, survives a restart of the runner without a hand, and takes away', async () => {
    await around.publish(draft(), await fixture('add_one'));
    const { placements } = await place('org/add-one');
    expect(placements).toHaveLength(1);
    await until(['org/add-one 1.0.0 ready']);
    expect(await infer()).toMatchObject({
      code: 'ok',
      answer: { model_name: 'org--add-one', model_version: '1', outputs: [{ data: [2, 3, 4, 5] }] },
    });
    await eventually(() => around.node.directory.get(runner.nodeId)?.models[0]?.ready === true);

    await runner.drain();
    await runner.close();
    await until(['org/add-one 1.0.0 wanted']);
    runner = await newRunner();
    await until(['org/add-one 1.0.0 ready']);
    expect((await infer()).code).toBe('ok');
    expect(around.pulls).toEqual(['0-']);

    await around.node.bus.call(orchestratorDisplace, { model: 'org/add-one' });
    await until(['org/add-one 1.0.0 unloaded']);
    expect((await infer()).code).toBe('model_unknown');
  }, 60_000);

  it('finds its placements again after a restart of the orchestrator', async () => {
    await around.publish(draft(), await fixture('add_one'));
    await orchestrator.drain();
    await orchestrator.close();
    orchestrator = await newOrchestrator();
    await place('org/add-one');
    await orchestrator.drain();
    await orchestrator.close();
    orchestrator = await newOrchestrator();
    await until(['org/add-one 1.0.0 ready']);
  }, 60_000);

  it('takes a withdrawn version away by itself', async () => {
    await around.publish(draft(), await fixture('add_one'));
    await place('org/add-one');
    await until(['org/add-one 1.0.0 ready']);
    await around.node.bus.broadcast(modelsChanged, { name: 'org/add-one', version: '1.0.0', review: 'withdrawn' });
    await until(['org/add-one 1.0.0 unloaded']);
  }, 60_000);

  it('loads nothing whose papers or bytes are not those that were approved', async () => {
    const good = await fixture('add_one');
    const forged = await around.publish(draft({ name: 'org/forged' }), good);
    forged.manifest.description = 'changed after it was signed';
    const swapped = await around.publish(draft({ name: 'org/swapped' }), Buffer.concat([good, Buffer.from([0])]));
    around.blobs.set(swapped.manifest.blob.sha256, Buffer.alloc(swapped.manifest.blob.sizeBytes));
    await around.publish(draft({ name: 'org/broken' }), await fixture('broken'));
    for (const name of ['org/forged', 'org/swapped', 'org/broken']) await place(name);
    await until([
      'org/forged 1.0.0 failed signature_invalid',
      'org/swapped 1.0.0 failed digest_mismatch',
      'org/broken 1.0.0 failed model_invalid',
    ]);
    // The runner tells everybody the same by its heartbeat: none of the three is there to be asked.
    await eventually(() => expect(around.node.directory.get(runner.nodeId)?.models).toEqual([]));
  }, 60_000);

  it('refuses what has no room, and serves the rest', async () => {
    const file = await fixture('add_one');
    for (const name of ['org/one', 'org/two', 'org/three']) await around.publish(draft({ name }), file);
    await place('org/one');
    await place('org/two');
    const both = ['org/one 1.0.0 ready', 'org/two 1.0.0 ready'];
    await until(both);
    // By the orchestrator where it has heard of the room left, else by the runner itself.
    const refusal = await place('org/three').then(
      () => until([...both, 'org/three 1.0.0 failed memory_exhausted']).then(() => 'memory_exhausted'),
      (error: { code: string }) => error.code,
    );
    expect(refusal).toBe('memory_exhausted');
    expect((await infer('org/two')).code).toBe('ok');
  }, 60_000);

  it('answers nobody without a grant of its own that allows this place', async () => {
    await around.publish(draft(), await fixture('add_one'));
    await place('org/add-one');
    await until(['org/add-one 1.0.0 ready']);
    const grant = await around.grant();
    const tampered = `${grant.slice(0, -4)}AAAA`;
    expect((await around.infer(runner.nodeId, 'org/add-one', ask, tampered)).code).toBe('grant_invalid');
    const elsewhere = await around.grant(['EU/DE']);
    expect((await around.infer(runner.nodeId, 'org/add-one', ask, elsewhere)).code).toBe('policy_forbids');
    const [model] = around.versions;
    if (!model) throw new Error('no model');
    const order = { placementId: '01890000-0000-7000-8000-000000000001', epoch: 1, model };
    const forbidden = around.node.bus.call(runnerLoad, order, { to: runner.nodeId });
    await expect(forbidden).rejects.toMatchObject({ code: 'caller_not_allowed' });
  }, 60_000);

  it('shares no named Triton between two runners', async () => {
    const named = (WATERSHED_NODE_NAME: string) => {
      const env = stand.env('runner', { ...settings, WATERSHED_NODE_NAME, TRITON_URL: 'http://127.0.0.1:9' });
      return stand.hold(startRunner(env, { index: stand.index.port() }));
    };
    const first = await named('first');
    await expect(named('second')).rejects.toMatchObject({ code: 'conflict', details: { reason: 'triton_taken' } });
    await first.drain();
    await first.close();
    await named('second');
  }, 60_000);
});
