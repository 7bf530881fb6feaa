import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { addModel, writeModel } from './contract/built-models.js';
import { startTestServer, type TestServer } from './contract/test-server.js';

describe('the repository', () => {
  let server: TestServer;
  const repository = mkdtempSync(join(tmpdir(), 'model-server-'));
  const x = (...data: number[]) => [{ name: 'X', shape: [data.length / 2, 2], datatype: 'FP32', data }];
  const answer = async (model: string) => JSON.parse((await server.infer(model, x(1, 2))).text);
  const load = (name: string, body = '') => server.send('POST', `/v2/repository/models/${name}/load`, body);
  const config = async (name: string) => JSON.parse((await server.send('GET', `/v2/models/${name}/config`)).text);

  beforeAll(async () => {
    server = await startTestServer({ repository });
  }, 60_000);
  afterAll(async () => {
    await server.close();
    rmSync(repository, { recursive: true, force: true });
  });

  it('completes a configuration from the model', async () => {
    writeModel(repository, 'bare', { 1: addModel(1) });
    await server.loaded('bare');
    expect(await config('bare')).toMatchObject({
      max_batch_size: 4,
      input: [{ name: 'X', data_type: 'TYPE_FP32', dims: [2] }],
      dynamic_batching: { preferred_batch_size: [4] },
    });
    expect((await server.infer('bare', x(1, 2, 3, 4))).status).toBe(200);
    expect((await server.infer('bare', x(...Array(10).fill(0)))).status).toBe(400);
  });

  it('loads nothing again that did not change, and anew what did, without a gap', async () => {
    writeModel(repository, 'changing', { 1: addModel(1) });
    await server.loaded('changing');
    const before = server.processIds('changing');
    await server.loaded('changing');
    expect(server.processIds('changing')).toEqual(before);
    writeModel(repository, 'changing', { 2: addModel(10) });
    await server.loaded('changing');
    expect(await answer('changing')).toMatchObject({ model_version: '2', outputs: [{ data: [11, 12] }] });
    writeModel(repository, 'changing', { 3: Buffer.from('broken') });
    const { status, text } = await load('changing');
    expect([status, text]).toEqual([400, expect.stringMatching(/version 3 is at UNAVAILABLE state/)]);
    // What served goes on.
    expect(await answer('changing')).toMatchObject({ model_version: '2' });
  });

  it('undoes an override with the next plain load', async () => {
    writeModel(repository, 'overridden', { 1: addModel(1), 2: addModel(2) });
    expect(
      (
        await load(
          'overridden',
          JSON.stringify({ parameters: { config: '{"version_policy":{"specific":{"versions":[1]}}}' } }),
        )
      ).status,
    ).toBe(200);
    expect(await answer('overridden')).toMatchObject({ model_version: '1' });
    await server.loaded('overridden');
    expect(await answer('overridden')).toMatchObject({ model_version: '2' });
  });

  it('reshapes what the configuration reshapes', async () => {
    const reshaping =
      'input { name: "X" data_type: TYPE_FP32 dims: [1, 4] reshape { shape: [2, 2] } } output { name: "Y" data_type: TYPE_FP32 dims: [4] reshape { shape: [2, 2] } }';
    writeModel(repository, 'reshaping', { 1: addModel(1) }, reshaping);
    await server.loaded('reshaping');
    const { text } = await server.infer('reshaping', [
      { name: 'X', shape: [1, 4], datatype: 'FP32', data: [1, 2, 3, 4] },
    ]);
    expect(JSON.parse(text).outputs).toEqual([{ name: 'Y', datatype: 'FP32', shape: [4], data: [2, 3, 4, 5] }]);
  });

  it.each([
    ['another backend', 'backend: "python"', 400, /onnxruntime/],
    ['sequences', 'sequence_batching { }', 400, /sequence/],
    [
      'a tensor that the model has not',
      'input { name: "Z" data_type: TYPE_FP32 dims: [2] } output { name: "Y" data_type: TYPE_FP32 dims: [2] }',
      400,
      /allowed inputs are: X/,
    ],
    [
      'labels that are missing',
      'max_batch_size: 4 output { name: "Y" data_type: TYPE_FP32 dims: [2] label_filename: "nothere.txt" }',
      400,
      /label file/,
    ],
    [
      'a label file elsewhere',
      'max_batch_size: 4 output { name: "Y" data_type: TYPE_FP32 dims: [2] label_filename: "../secret" }',
      400,
      /label file/,
    ],
    ['another name', 'name: "other"', 500, /directory name/],
    ['no version that it chooses', 'version_policy { specific { versions: [7] } }', 400, /at least one version/],
  ])('refuses a configuration with %s', async (_, text, status, message) => {
    writeModel(repository, 'refused', { 1: addModel(1) }, text);
    const answered = await load('refused');
    expect([answered.status, answered.text]).toEqual([status, expect.stringMatching(message)]);
    expect(server.processIds('refused')).toEqual([]);
  });

  it.each([
    ['no object', '{"parameters": 5}', 500],
    ['a parameter that is no text', '{"parameters": {"file:1/model.onnx": 5}}', 500],
    ['an unknown parameter', '{"parameters": {"nope": "x"}}', 500],
    ['a path out of the folder', '{"parameters": {"config": "{}", "file:../../x": "AA=="}}', 500],
    ['a file without a version', '{"parameters": {"config": "{}", "file:model.onnx": "AA=="}}', 400],
    ['nesting', `{"parameters": ${'['.repeat(100_000)}`, 400],
  ])('refuses a load request with %s', async (_, body, status) => {
    expect((await load('nothing', body)).status).toBe(status);
  });

  it.each(['..', '%2e%2e', '%2e%2e%2f%2e%2e%2fetc', '.', 'a%00b', '%5c'])(
    'finds no model named %s outside its folder',
    async (name) => {
      const { status } = await load(name);
      expect([404, 500]).toContain(status);
      expect((await server.send('GET', `/v2/models/${name}/ready`)).status).not.toBe(200);
    },
  );

  it('changes one model at a time, and any number of them at once', async () => {
    writeModel(repository, 'busy', { 1: addModel(1) });
    writeModel(repository, 'busier', { 1: addModel(2) });
    const act = (name: string, action: string) => server.send('POST', `/v2/repository/models/${name}/${action}`);
    const actions = ['load', 'unload', 'load', 'load', 'unload', 'load'].flatMap((action) => [
      act('busy', action),
      act('busier', action),
    ]);
    expect((await Promise.all(actions)).map(({ status }) => status)).toEqual(Array(12).fill(200));
    expect([(await answer('busy')).outputs[0].data, (await answer('busier')).outputs[0].data]).toEqual([
      [2, 3],
      [3, 4],
    ]);
  });

  it('lists folders only', async () => {
    writeFileSync(join(repository, 'a-file'), '');
    const { text } = await server.send('POST', '/v2/repository/index');
    expect(text).not.toContain('a-file');
  });
});
