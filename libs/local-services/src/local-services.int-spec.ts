import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Redis from 'ioredis';
import pg from 'pg';
import { postgresPlace, redisPlace, withoutLocalPaths } from '#config';
import { eventually } from '#testing';
import {
  findRedis,
  freePort,
  isPortFree,
  type LocalService,
  longestSocketPath,
  privateSocket,
  startGuarded,
  startPostgres,
  startRedis,
} from './index.js';

const cacheFolder = join(dirname(fileURLToPath(import.meta.url)), '../../../.watershed/cache');

const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    // A zombie still answers signals; it is gone for our purposes.
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return false;
  }
};

describe('services on this machine', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'watershed-services-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('runs Postgres durably, and again over the same folder', async () => {
    const options = {
      folder: join(folder, 'postgres'),
      port: await freePort(),
      password: 'a-password',
      logFile: join(folder, 'postgres.log'),
    };
    const first = await startPostgres(options);
    const client = new pg.Client(first.url);
    await client.connect();
    const settings = await client.query('select name, setting from pg_settings where name in ($1, $2) order by 1', [
      'fsync',
      'synchronous_commit',
    ]);
    expect(settings.rows).toEqual([
      { name: 'fsync', setting: 'on' },
      { name: 'synchronous_commit', setting: 'on' },
    ]);
    await client.query('create table kept (id int)');
    await client.query('insert into kept values (7)');
    await client.end();
    await first.stop();
    expect(await isPortFree(options.port)).toBe(true);

    const second = await startPostgres(options);
    const again = new pg.Client(second.url);
    await again.connect();
    expect((await again.query('select id from kept')).rows).toEqual([{ id: 7 }]);
    await again.end();
    await second.stop();
  });

  it('says that a damaged database folder must be restored', async () => {
    const options = {
      folder: join(folder, 'postgres'),
      port: await freePort(),
      password: 'a-password',
      logFile: join(folder, 'postgres.log'),
    };
    await (await startPostgres(options)).stop();
    writeFileSync(join(options.folder, 'global/pg_control'), 'not a control file');
    await expect(startPostgres(options)).rejects.toMatchObject({ code: 'data_corrupt' });
    rmSync(join(options.folder, 'PG_VERSION'));
    await expect(startPostgres(options)).rejects.toMatchObject({ code: 'data_corrupt' });
    expect(await isPortFree(options.port)).toBe(true);
  });

  it('runs Redis with a password that stands in no argument', async () => {
    const port = await freePort();
    const redis = await startRedis({
      folder: join(folder, 'redis'),
      port,
      password: 'redis-password',
      logFile: join(folder, 'redis.log'),
      cacheFolder,
      persist: false,
    });
    const client = new Redis(redis.url);
    expect(await client.ping()).toBe('PONG');
    client.disconnect();
    expect(execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' })).not.toContain('redis-password');
    await redis.stop();
    expect(await isPortFree(port)).toBe(true);
  });

  const postgresOptions = async () => ({
    // What lists and URLs have to be told apart from.
    folder: join(folder, 'post gres,"&'),
    port: await freePort(),
    password: 'a-password',
    logFile: join(folder, 'postgres.log'),
  });
  const redisOptions = async () => ({
    folder: join(folder, 're dis"&'),
    port: await freePort(),
    password: 'redis-password',
    logFile: join(folder, 'redis.log'),
    cacheFolder,
  });
  const modeOf = (path: string): string => (statSync(path).mode & 0o7777).toString(8);
  /** How a client of this URL came in: by a socket there is no address. */
  const asPostgres = async (url: string): Promise<string | null> => {
    const client = new pg.Client(url);
    await client.connect();
    const { rows } = await client.query<{ address: string | null }>('SELECT inet_server_addr() AS address');
    await client.end();
    return rows[0]?.address ?? null;
  };
  const asRedis = async (url: string): Promise<string> => {
    const client = new Redis({ ...redisPlace(url), maxRetriesPerRequest: 0, retryStrategy: () => null });
    const told = await client.client('INFO');
    client.disconnect();
    return / laddr=(.*?) fd=/.exec(String(told))?.[1] ?? '';
  };
  const killed = async (service: LocalService, pidFile: string): Promise<void> => {
    process.kill(Number.parseInt(readFileSync(pidFile, 'utf8'), 10), 'SIGKILL');
    await service.process.exited;
  };

  it('answers Postgres by a socket of this user’s and by TCP, also over what a killed one left', async () => {
    const options = await postgresOptions();
    const socket = join(options.folder, `.s.PGSQL.${options.port}`);
    const first = await startPostgres(options);
    expect(postgresPlace(first.url)).toMatchObject({ path: socket });
    expect([modeOf(options.folder), modeOf(socket)]).toEqual(['700', '700']);
    expect(await asPostgres(first.url)).toBeNull();
    expect(await asPostgres(withoutLocalPaths(first.url))).toBe('127.0.0.1');
    await killed(first, join(options.folder, 'postmaster.pid'));
    expect([existsSync(socket), existsSync(`${socket}.lock`)]).toEqual([true, true]);

    const second = await startPostgres(options);
    expect(second.url).toBe(first.url);
    expect(await asPostgres(second.url)).toBeNull();
    await second.stop();
    expect(readdirSync(options.folder).filter((name) => name.startsWith('.s'))).toEqual([]);
  });

  it('answers Redis by a socket of this user’s and by TCP, also over what a killed one left', async () => {
    const options = await redisOptions();
    const socket = join(options.folder, 'redis.sock');
    const first = await startRedis(options);
    expect([modeOf(options.folder), modeOf(socket)]).toEqual(['700', '700']);
    expect(await asRedis(first.url)).toBe(`${socket}:0`);
    expect(await asRedis(withoutLocalPaths(first.url))).toBe(`127.0.0.1:${options.port}`);
    await killed(first, join(options.folder, 'redis.pid'));
    expect(existsSync(socket)).toBe(true);

    const second = await startRedis(options);
    expect(second.url).toBe(first.url);
    expect(await asRedis(second.url)).toBe(`${socket}:0`);
    await second.stop();
    expect(existsSync(socket)).toBe(false);
  });

  it('goes by TCP alone where the path of a socket would be too long', async () => {
    const long = join(folder, 'a-folder-far-down'.repeat(6));
    const [postgres, redis] = [await postgresOptions(), await redisOptions()];
    const servers = await Promise.all([
      startPostgres({ ...postgres, folder: join(long, 'postgres') }),
      startRedis({ ...redis, folder: join(long, 'redis') }),
    ]);
    const [postgresUrl = '', redisUrl = ''] = servers.map(({ url }) => url);
    expect([postgresUrl, redisUrl].map((url) => new URL(url).search)).toEqual(['', '']);
    expect([await asPostgres(postgresUrl), await asRedis(redisUrl)]).toEqual(['127.0.0.1', `127.0.0.1:${redis.port}`]);
    await Promise.all(servers.map((server) => server.stop()));
  });

  it('has a socket of as many bytes as the system takes, and none in a folder that others may enter', async () => {
    const name = 's'.repeat(longestSocketPath - folder.length - 1);
    const path = await privateSocket(folder, name);
    expect(path).toBe(join(folder, name));
    const server = createServer().listen(path);
    await once(server, 'listening');
    server.close();
    expect(await privateSocket(folder, `${name}s`)).toBeUndefined();
    expect(await privateSocket(folder, name.replace(/s$/, 'é'))).toBeUndefined();
    chmodSync(folder, 0o750);
    expect(await privateSocket(folder, 'short')).toBeUndefined();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('takes a Redis from the PATH, and passes by one that is older than 7', async () => {
    const fake = async (version: string) => {
      const bin = mkdtempSync(join(folder, 'bin-'));
      const file = join(bin, 'redis-server');
      writeFileSync(file, `#!/bin/sh\necho "Redis server v=${version} sha=00000000:0"\n`, { mode: 0o755 });
      return { file, found: await findRedis({ cacheFolder, path: bin }) };
    };
    const recent = await fake('7.2.4');
    expect(recent.found).toMatchObject({ command: recent.file, origin: 'path' });
    const old = await fake('6.2.0');
    expect(old.found).toMatchObject({ origin: 'private' });
  });

  it('leaves nothing behind when the process that guards a service is killed', async () => {
    const pidFile = join(folder, 'service.pid');
    const guardModule = join(dirname(fileURLToPath(import.meta.url)), '../../../dist/libs/local-services/src/index.js');
    const program = `
      const { startGuarded } = await import(${JSON.stringify(guardModule)});
      startGuarded({ command: '/bin/sh', args: ['-c', 'echo $$ > ${pidFile}; exec sleep 600'],
        logFile: ${JSON.stringify(join(folder, 'log'))}, stopSignal: 'TERM', hardSignal: 'KILL', graceMs: 1000 });
      setInterval(() => {}, 1000);`;
    const parent = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: 'inherit' });
    await eventually(() => expect(existsSync(pidFile) && readFileSync(pidFile, 'utf8').trim()).toMatch(/^\d+$/));
    const pid = Number(readFileSync(pidFile, 'utf8'));
    expect(alive(pid)).toBe(true);
    parent.kill('SIGKILL');
    await eventually(() => expect(alive(pid)).toBe(false));
  });

  it('tells when a service ends by itself', async () => {
    const child = startGuarded({
      command: '/bin/sh',
      args: ['-c', 'exit 3'],
      logFile: join(folder, 'log'),
      stopSignal: 'TERM',
      hardSignal: 'KILL',
      graceMs: 1_000,
    });
    expect(await child.exited).toBe(3);
    expect(child.hasExited()).toBe(true);
    await child.stop();
  });
});
