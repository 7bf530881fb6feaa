import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tritonConfigOf } from '#model-repository';
import { InlineModelHost, RepositoryModelHost } from '../model/repository-model-host.adapter.js';
import { FakeTriton } from '../testing/fake-triton.js';
import { sampleModel } from '../testing/sample-model.js';
import { TritonModelServer } from './triton-model-server.adapter.js';

describe('a named Triton', () => {
  let triton: FakeTriton;
  let server: TritonModelServer;
  let folder: string;

  beforeEach(async () => {
    triton = new FakeTriton();
    await triton.start();
    server = new TritonModelServer({
      supervisor: triton,
      connections: 2,
      controlTimeoutMs: 500,
      maxAnswerBytes: 1_000,
    });
    folder = await mkdtemp(join(tmpdir(), 'watershed-triton-'));
    await writeFile(join(folder, 'blob'), 'the model');
  });
  afterEach(async () => {
    await server.close();
    await triton.close();
    await rm(folder, { recursive: true, force: true });
  });

  const options = () => ({
    server,
    supervisor: triton,
    servedName: (name: string) => name.replace('/', '--'),
    loadTimeoutMs: 500,
  });
  const version = (serial: number) => ({
    model: sampleModel({ serial, version: `${serial}.0.0` }),
    blobPath: join(folder, 'blob'),
  });

  it('gets its models in the folder that it reads, one version beside the other', async () => {
    const host = new RepositoryModelHost(options(), join(folder, 'models'), ([first]) =>
      first ? tritonConfigOf(first.model.manifest) : '',
    );
    const one = version(1);
    await host.load('org/sample', [one]);
    await host.load('org/sample', [one, version(2)]);
    const root = join(folder, 'models', 'org--sample');
    expect((await readdir(root)).sort()).toEqual(['1', '2', 'config.pbtxt']);
    expect(await readFile(join(root, '2', 'model.onnx'), 'utf8')).toBe('the model');
    expect(await readFile(join(root, 'config.pbtxt'), 'utf8')).toContain('name: "org--sample"');
    expect(triton.loads).toHaveLength(2);
    await host.discard(one.model);
    expect((await readdir(root)).sort()).toEqual(['2', 'config.pbtxt']);
  });

  it('gets small models in the load request where there is no folder, and large ones not at all', async () => {
    const read = async () => Buffer.from('the model');
    await new InlineModelHost(options(), 100, () => '{"name":"x"}', read).load('org/sample', [version(3)]);
    expect(JSON.parse(triton.loads[0]?.body ?? '')).toEqual({
      parameters: { config: '{"name":"x"}', 'file:3/model.onnx': Buffer.from('the model').toString('base64') },
    });
    const small = new InlineModelHost(options(), 99, () => '{}', read);
    await expect(small.load('org/sample', [version(3)])).rejects.toMatchObject({ code: 'memory_exhausted' });
  });

  const ask = { headerLength: 2, body: Buffer.from('{}') };
  const failure = (kind: string) => expect.objectContaining({ failure: kind });
  it.each([
    [404, "Request for unknown model: 'm' is not found", 'not_ready'],
    [503, "Request for unknown model: 'm' version 1 is not at ready state", 'not_ready'],
    [400, 'unexpected shape', 'refused'],
    [500, 'the graph failed', 'failed'],
    [503, 'Exceeds maximum queue size', 'busy'],
    [500, "model 'm' failed: the model's process ended (SIGKILL)", 'crashed'],
    [
      500,
      "Failed to process the request(s) for model instance 'm', message: Stub process 'm' is not healthy.",
      'crashed',
    ],
  ])('answers %d "%s": %s', async (status, error, kind) => {
    triton.fault = { kind: 'status', status, error };
    await expect(server.infer('m', '1', ask, 500)).rejects.toEqual(failure(kind));
  });

  it('is given up at the deadline, when it hangs up, and when it answers too much', async () => {
    triton.fault = { kind: 'hang' };
    await expect(server.infer('m', '1', ask, 20)).rejects.toEqual(failure('timeout'));
    triton.fault = { kind: 'hang-up' };
    await expect(server.infer('m', '1', ask, 500)).rejects.toEqual(failure('unreachable'));
    triton.fault = { kind: 'body', body: 'x'.repeat(1_001) };
    await expect(server.infer('m', '1', ask, 500)).rejects.toEqual(failure('failed'));
    await triton.close();
    await expect(server.index()).rejects.toEqual(failure('unreachable'));
  });

  it('does not run a request whose deadline passed while it waited for a connection', async () => {
    triton.fault = { kind: 'hang' };
    const asked = [1, 2, 3, 4].map(() => server.infer('m', '1', ask, 50));
    for (const one of asked) await expect(one).rejects.toEqual(failure('timeout'));
    expect(triton.requests).toHaveLength(2);
  });
});
