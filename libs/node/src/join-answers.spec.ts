import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { joinFileFor } from './join-file.fixture.js';
import { joinCluster } from './join-file.js';

const clusterId = 'C'.repeat(43);
const good = { clusterId, redisUrl: 'redis://10.0.0.1:6379' };

describe('what a gateway answers to a node that joins', () => {
  let dataDir: string;
  let gateway: Server | undefined;
  /** What was written of an answer without an end before the other side hung up. */
  let sentBytes: number;

  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'watershed-join-answer-'));
    sentBytes = 0;
  });
  afterEach(async () => {
    gateway?.closeAllConnections();
    await new Promise((resolve) => gateway?.close(resolve));
    rmSync(dataDir, { recursive: true });
  });

  async function joined(answer: (response: ServerResponse) => void, timeoutMs?: number) {
    gateway = createServer((request, response) => {
      request.resume();
      answer(response);
    });
    await new Promise<void>((resolve) => gateway?.listen(0, '127.0.0.1', resolve));
    const { port } = gateway.address() as AddressInfo;
    const file = await joinFileFor(dataDir, { gatewayUrl: `http://127.0.0.1:${port}` });
    return joinCluster({ file, dataDir, name: 'runner', ...(timeoutMs === undefined ? {} : { timeoutMs }) });
  }
  const json = (status: number, value: unknown) => (response: ServerResponse) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  };
  const login = () => existsSync(join(dataDir, 'nodes', 'runner.login.json'));

  it('may name an authority as large as one may be', async () => {
    const authority = `${'x'.repeat(64)}\n`.repeat(1_008);
    await expect(joined(json(201, { ...good, authority }))).resolves.toMatchObject({ WATERSHED_CLUSTER_ID: clusterId });
  });

  it.each([
    ['201', 201],
    ['a refusal', 422],
  ])('is not read to its end where it has none, as %s', async (_, status) => {
    const chunk = Buffer.alloc(64 * 1024, ' ');
    const endless = (response: ServerResponse) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      const more = () => {
        do sentBytes += chunk.length;
        while (!response.destroyed && response.write(chunk));
        if (!response.destroyed) response.once('drain', more);
      };
      more();
    };
    await expect(joined(endless)).rejects.toMatchObject({
      code: status === 201 ? 'no_node_available' : 'conflict',
    });
    expect(login()).toBe(false);
    // What the sockets between had room for is beyond what was read.
    expect(sentBytes).toBeLessThan(32 * 2 ** 20);
  });

  it('is waited for in all, not from byte to byte', async () => {
    let dripping: NodeJS.Timeout | undefined;
    const drip = (response: ServerResponse) => {
      response.writeHead(201, { 'content-type': 'application/json' });
      dripping = setInterval(() => response.write(' '), 10);
    };
    await expect(joined(drip, 200)).rejects.toMatchObject({ code: 'no_node_available' });
    clearInterval(dripping);
    expect(login()).toBe(false);
  });

  it('is no login where it is of another cluster', async () => {
    const other = 'D'.repeat(43);
    await expect(joined(json(201, { ...good, clusterId: other }))).rejects.toMatchObject({
      code: 'conflict',
      details: { clusterId: other, expected: clusterId },
    });
    expect(login()).toBe(false);
  });

  it.each([
    ['no JSON', (response: ServerResponse) => void response.writeHead(201).end('<html>welcome</html>')],
    ['nothing', (response: ServerResponse) => void response.writeHead(204).end()],
    ['something else', json(200, { hello: 'world' })],
  ])('is no login where it is %s', async (_, answer) => {
    await expect(joined(answer)).rejects.toMatchObject({
      code: 'no_node_available',
      message: expect.stringContaining('does not answer as a gateway does'),
    });
    expect(login()).toBe(false);
  });

  it('is told on where it is a refusal', async () => {
    const problem = { code: 'node_address_refused', detail: 'Give it another address.' };
    await expect(joined(json(422, problem))).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('Give it another address. (node_address_refused)'),
    });
  });

  it('is not asked for where the folder has a login of another cluster', async () => {
    await joined(json(201, good));
    const kept = JSON.stringify({ clusterId: 'D'.repeat(43), redisUrl: good.redisUrl });
    writeFileSync(join(dataDir, 'nodes', 'runner.login.json'), kept);
    const file = await joinFileFor(dataDir, { gatewayUrl: 'http://127.0.0.1:9' });
    await expect(joinCluster({ file, dataDir, name: 'runner' })).rejects.toMatchObject({ code: 'conflict' });
  });
});
