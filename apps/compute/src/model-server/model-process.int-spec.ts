import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually, leakCheck } from '#testing';
import { addModel, ENDLESS, loopConfig, loopModel, writeModel } from './contract/built-models.js';
import { startTestServer, type TestServer } from './contract/test-server.js';

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

interface IndexEntry {
  name: string;
  state?: string;
  reason?: string;
  version?: string;
}

describe("a model's process", () => {
  let server: TestServer;
  const repository = mkdtempSync(join(tmpdir(), 'model-server-'));
  const count = (n: number) => [{ name: 'N', shape: [1], datatype: 'INT64', data: [n] }];
  const loop = (n: number) => server.infer('loop', count(n));
  const pidOf = (name: string): number => server.processIds(name)[0] ?? 0;
  const indexOf = async (name: string): Promise<IndexEntry[]> => {
    const { text } = await server.send('POST', '/v2/repository/index');
    return (JSON.parse(text) as IndexEntry[]).filter((entry) => entry.name === name);
  };
  const pending = async (name: string): Promise<number> => {
    const { text } = await server.send('GET', '/metrics');
    return Number(new RegExp(`pending_request_count\\{model="${name}",[^}]*\\} (\\d+)`).exec(text)?.[1] ?? 0);
  };
  const busy = (name: string, requests = 1) => eventually(async () => (await pending(name)) === requests);

  beforeAll(async () => {
    writeModel(repository, 'loop', { 1: loopModel() }, loopConfig);
    writeModel(repository, 'add', { 1: addModel(1) });
    server = await startTestServer({ repository, maxQueue: 3 });
    await server.loaded('loop', 'add');
  }, 60_000);
  afterAll(async () => {
    await server.close();
    rmSync(repository, { recursive: true, force: true });
  });
  beforeEach(() => server.loaded('loop'));

  const bystander = async () => {
    const { status, text } = await server.infer('add', [{ name: 'X', shape: [1, 2], datatype: 'FP32', data: [1, 2] }]);
    expect([status, JSON.parse(text).outputs[0].data]).toEqual([200, [2, 3]]);
  };

  it('runs', async () => {
    const { status, text } = await loop(1000);
    expect([status, JSON.parse(text).outputs[0].data]).toEqual([200, [1000]]);
  });

  it.each<[string, () => Promise<unknown>]>([
    ['killed from outside', async () => process.kill(pidOf('loop'), 'SIGKILL')],
    ['killed by its supervisor', () => server.killModel('loop')],
    [
      'killed over HTTP',
      () => server.send('POST', '/v2/repository/models/loop/unload', '{"parameters":{"kill":true}}'),
    ],
  ])('%s in mid-request: the request fails promptly, the model is not ready until it is loaded', async (_, kill) => {
    const pid = pidOf('loop');
    const running = loop(ENDLESS);
    await busy('loop');
    const killed = performance.now();
    await kill();
    const { status, text } = await running;
    expect(performance.now() - killed).toBeLessThan(2_000);
    expect([status, JSON.parse(text)]).toEqual([500, { error: expect.stringMatching(/loop/) }]);
    expect(isAlive(pid)).toBe(false);
    expect((await server.send('GET', '/v2/models/loop/ready')).status).toBe(400);
    expect((await loop(1)).status).toBe(404);
    const [entry] = await indexOf('loop');
    expect(entry).toMatchObject({ state: 'UNAVAILABLE', reason: expect.stringMatching(/SIGKILL|killed/) });
    await bystander();
    await server.loaded('loop');
    expect((await loop(10)).status).toBe(200);
  });

  it('says that nothing was killed where nothing runs', async () => {
    expect(await server.killModel('nothere')).toBe(false);
    expect(await server.killModel('loop', 9)).toBe(false);
    expect(await server.killModel('loop', 1)).toBe(true);
    expect(await server.killModel('loop')).toBe(false);
  });

  it('finishes what is in flight when it is unloaded, and is gone afterwards', async () => {
    const pid = pidOf('loop');
    const running = loop(1_500_000);
    await busy('loop');
    const unloaded = await server.send('POST', '/v2/repository/models/loop/unload');
    expect([unloaded.status, unloaded.text]).toEqual([200, '']);
    expect(await indexOf('loop')).toEqual([{ name: 'loop', version: '1', state: 'UNLOADING' }]);
    expect((await loop(1)).status).toBe(404);
    expect((await running).status).toBe(200);
    await eventually(async () => (await indexOf('loop'))[0]?.state === 'UNAVAILABLE');
    expect((await indexOf('loop'))[0]?.reason).toBe('unloaded');
    expect(isAlive(pid)).toBe(false);
  });

  it('is killed when what is in flight holds up its unloading for too long', async () => {
    const own = await startTestServer({ repository, load: ['loop'], unloadTimeoutMs: 200 });
    const [pid = 0] = own.processIds('loop');
    const running = own.infer('loop', count(ENDLESS));
    await eventually(async () => (await own.send('GET', '/metrics')).text.includes('model="loop",version="1"} 1\n'));
    expect((await own.send('POST', '/v2/repository/models/loop/unload')).status).toBe(200);
    expect((await running).status).toBe(500);
    expect(isAlive(pid)).toBe(false);
    await own.close();
  });

  it('serves in another process at once when it is loaded while it unloads', async () => {
    const before = pidOf('loop');
    const running = loop(1_500_000);
    await busy('loop');
    await server.send('POST', '/v2/repository/models/loop/unload');
    await server.loaded('loop');
    expect((await loop(5)).status).toBe(200);
    expect((await running).status).toBe(200);
    await eventually(() => !isAlive(before));
    expect(server.processIds('loop')).toHaveLength(1);
  });

  it('is not held up by a client that goes away, and forgets its request where that waits', async () => {
    const running = loop(2_000_000);
    await busy('loop');
    const body = JSON.stringify({ inputs: count(ENDLESS), parameters: { padding: 'x'.repeat(10) } });
    const gone = [1, 2].map(() => {
      const sent = httpRequest(`${server.url}/v2/models/loop/infer`, { method: 'POST', agent: false });
      sent.on('error', () => undefined);
      sent.end(body);
      return sent;
    });
    await busy('loop', 3);
    for (const sent of gone) sent.destroy();
    expect((await running).status).toBe(200);
    await server.killModel('loop');
  });

  it('refuses what its queue does not hold', async () => {
    // 64 requests are on their way to the process, 3 wait, the next is one too many.
    const sent = Array.from({ length: 70 }, () => loop(ENDLESS));
    const refused = await Promise.race(sent);
    expect([refused.status, refused.text]).toEqual([503, expect.stringMatching(/queue/)]);
    await busy('loop', 67);
    await server.killModel('loop');
    const statuses = (await Promise.all(sent)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 503)).toHaveLength(3);
    expect(statuses.filter((status) => status === 500)).toHaveLength(67);
  });

  it('is small, and one for every version', async () => {
    const rollup = readFileSync(`/proc/${pidOf('add')}/smaps_rollup`, 'utf8');
    const own = Number(/^Private_Dirty:\s+(\d+)/m.exec(rollup)?.[1]);
    expect(own).toBeLessThan(60 * 1024);
    writeModel(repository, 'two', { 1: addModel(1), 2: addModel(2) }, 'version_policy { all {} }');
    await server.loaded('two');
    expect(new Set(server.processIds('two')).size).toBe(2);
    const { text } = await server.send('GET', '/v2/models/two/stats');
    expect(JSON.parse(text).model_stats[0].memory_usage[0].byte_size).toBeGreaterThan(10_000_000);
  });

  it('that came in a request is listed with a reason only when it died', async () => {
    const parameters = { config: `{"backend":"onnxruntime"}`, 'file:1/model.onnx': addModel(3).toString('base64') };
    expect(
      (await server.send('POST', '/v2/repository/models/inline/load', JSON.stringify({ parameters }))).status,
    ).toBe(200);
    expect(await indexOf('inline')).toEqual([]);
    process.kill(pidOf('inline'), 'SIGKILL');
    await eventually(async () => (await indexOf('inline')).length === 1);
    expect(await indexOf('inline')).toEqual([
      { name: 'inline', version: '1', state: 'UNAVAILABLE', reason: expect.stringMatching(/SIGKILL/) },
    ]);
  });

  it('leaves nothing behind when the server closes', async () => {
    const leaks = leakCheck();
    const other = await startTestServer({ repository, load: ['add', 'loop'] });
    const pids = [...other.processIds('add'), ...other.processIds('loop')];
    expect(pids).toHaveLength(2);
    await other.close();
    expect(pids.some(isAlive)).toBe(false);
    await leaks.expectNothingLeft();
  });
});
