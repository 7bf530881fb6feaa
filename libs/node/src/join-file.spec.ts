import { existsSync, readFileSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { joinFileFor } from './join-file.fixture.js';
import { type JoinFile, joinCluster } from './join-file.js';

describe('joining by a file', () => {
  let dataDir: string;
  let gateway: Server;
  let bodies: string[];
  /** How many requests are taken in and never answered. */
  let toLose: number;

  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'watershed-join-'));
    bodies = [];
    toLose = 0;
    gateway = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk) => {
        body += chunk;
      });
      request.on('end', () => {
        bodies.push(body);
        if (toLose-- > 0) {
          request.socket.destroy();
          return;
        }
        const { manifest } = JSON.parse(body) as { manifest: { nodeId: string; clusterId: string } };
        response.setHeader('content-type', 'application/json');
        response.writeHead(201);
        response.end(
          JSON.stringify({ clusterId: manifest.clusterId, redisUrl: `redis://${manifest.nodeId}@10.0.0.1:6379` }),
        );
      });
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => gateway.once('listening', resolve));
  });

  afterEach(async () => {
    await new Promise((resolve) => gateway.close(resolve));
    await rm(dataDir, { recursive: true });
  });

  const invitation = (): Promise<JoinFile> => {
    const { port } = gateway.address() as AddressInfo;
    return joinFileFor(dataDir, { gatewayUrl: `http://127.0.0.1:${port}` });
  };

  it('asks again with the same request where the answer was lost, and logs in with the password that it named', async () => {
    const file = await invitation();
    toLose = 2;
    for (let attempt = 0; attempt < 2; attempt++) {
      await expect(joinCluster({ file, dataDir, name: 'runner' })).rejects.toMatchObject({ code: 'no_node_available' });
    }
    const joining = join(dataDir, 'nodes', 'runner.joining.json');
    expect(statSync(joining).mode & 0o777).toBe(0o600);
    const settings = await joinCluster({ file, dataDir, name: 'runner' });
    expect(bodies).toHaveLength(3);
    expect(new Set(bodies).size).toBe(1);

    // Joined, it keeps the login alone, and asks nobody again.
    expect(existsSync(joining)).toBe(false);
    expect(readFileSync(join(dataDir, 'nodes', 'runner.login.json'), 'utf8')).toContain(
      JSON.stringify(settings.WATERSHED_REDIS_URL),
    );
    await expect(joinCluster({ file, dataDir, name: 'runner' })).resolves.toEqual(settings);
    expect(bodies).toHaveLength(3);
  });
});
