import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { namedStorage } from './named-storage.js';

describe('a storage that the operator names', () => {
  let folder: string;
  let servers: Server[];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'watershed-named-'));
    servers = [];
  });
  afterEach(() => {
    for (const server of servers) server.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const listen = async (at: { path: string } | { host: string; port: number }) => {
    const server = createServer((socket) => socket.destroy()).listen(at);
    servers.push(server);
    await once(server, 'listening');
    return server.address();
  };

  it('is asked at the socket where its address names one, and not beside it', async () => {
    await listen({ path: join(folder, '.s.PGSQL.7') });
    await listen({ path: join(folder, 'redis.sock') });
    const named = {
      DATABASE_URL: `postgres://u:p@localhost:7/x?host=${folder}`,
      REDIS_URL: `redis://:p@localhost:7?socket=${folder}/redis.sock`,
    };
    expect(await namedStorage(named)).toEqual({ databaseUrl: named.DATABASE_URL, redisUrl: named.REDIS_URL });
    const address = await listen({ host: '127.0.0.1', port: 0 });
    const port = typeof address === 'object' && address ? address.port : 0;
    const byTcp = { DATABASE_URL: `postgres://u:p@127.0.0.1:${port}/x`, REDIS_URL: `redis://127.0.0.1:${port}` };
    expect(await namedStorage(byTcp)).toEqual({ databaseUrl: byTcp.DATABASE_URL, redisUrl: byTcp.REDIS_URL });
    const elsewhere = join(folder, 'elsewhere');
    for (const [env, message] of [
      [
        { DATABASE_URL: `postgres://u:secret-word@127.0.0.1:${port}/x?host=${elsewhere}` },
        `DATABASE_URL names ${elsewhere}/.s.PGSQL.${port}, where nothing answers.`,
      ],
      [
        { REDIS_URL: `redis://:secret-word@127.0.0.1:${port}?socket=${elsewhere}` },
        `REDIS_URL names ${elsewhere}, where nothing answers.`,
      ],
    ] as const)
      await expect(namedStorage(env)).rejects.toMatchObject({ code: 'service_failed', message });
  });
});
