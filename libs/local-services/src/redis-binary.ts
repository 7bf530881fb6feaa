import { spawn, spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { LocalServiceError } from './local-service-error.js';

/** A Redis (or Valkey) server that can be started: the program, and the environment that its libraries need. */
export interface RedisBinary {
  readonly command: string;
  readonly env: NodeJS.ProcessEnv;
  readonly origin: 'path' | 'private';
}

export interface FindRedisOptions {
  /** Where a private copy is kept: `<project>/.watershed/cache`. */
  readonly cacheFolder: string;
  readonly onProgress?: (line: string) => void;
  /** Read from the process unless given. */
  readonly path?: string;
}

/** The packages of Debian and Ubuntu that a `redis-server` needs beside the C library. */
const packageSets = [
  ['redis-server', 'redis-tools', 'libjemalloc2', 'liblua5.1-0', 'lua-cjson', 'lua-bitop', 'liblzf1'],
  ['redis-server', 'redis-tools', 'libjemalloc2', 'libatomic1', 'liblzf1', 'liblua5.1-0', 'lua-cjson'],
];

const isExecutable = (file: string): boolean => {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

export function findOnPath(names: readonly string[], path = process.env.PATH ?? ''): string | undefined {
  for (const folder of path.split(delimiter).filter(Boolean))
    for (const name of names) if (isExecutable(join(folder, name))) return join(folder, name);
  return undefined;
}

/** The bus relies on what ACL selectors and their kin brought in Redis 7 and Valkey 7.2. */
const oldestMajor = 7;

/** The major version that a server says it is; 0 where it does not run. */
function majorOf(command: string, env: NodeJS.ProcessEnv): number {
  const said = spawnSync(command, ['--version'], { env, encoding: 'utf8' });
  return said.status === 0 ? Number(/ v=(\d+)\./.exec(said.stdout)?.[1] ?? 0) : 0;
}

function privateBinary(folder: string): RedisBinary | undefined {
  const command = join(folder, 'usr/bin/redis-server');
  if (!existsSync(command)) return undefined;
  const libraries = readdirSync(join(folder, 'usr/lib'))
    .filter((name) => name.includes('-linux-gnu'))
    .map((name) => join(folder, 'usr/lib', name));
  const env = { ...process.env, LD_LIBRARY_PATH: libraries.join(delimiter) };
  return majorOf(command, env) >= oldestMajor ? { command, env, origin: 'private' } : undefined;
}

async function run(command: string, args: readonly string[], cwd: string, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd, stdio: 'ignore', timeout: timeoutMs });
    child.once('error', () => resolve(false));
    child.once('exit', (code) => resolve(code === 0));
  });
}

/** Unpacks the distribution's own packages into a folder of ours; needs neither root nor a change to the system. */
async function unpackFromDistribution(folder: string, onProgress: (line: string) => void): Promise<void> {
  if (!findOnPath(['apt-get']) || !findOnPath(['dpkg'])) return;
  onProgress('Redis: none on the PATH; unpacking the distribution’s package into a private folder …');
  const work = `${folder}.${process.pid}.tmp`;
  rmSync(work, { recursive: true, force: true });
  mkdirSync(join(work, 'lists/partial'), { recursive: true });
  mkdirSync(join(work, 'cache/archives/partial'), { recursive: true });
  const state = [`-oDir::State::Lists=${join(work, 'lists')}`, `-oDir::Cache=${join(work, 'cache')}`];
  try {
    if (!(await run('apt-get', ['update', '-qq', ...state], work, 120_000))) return;
    for (const packages of packageSets) {
      if (!(await run('apt-get', ['download', '-qq', ...state, ...packages], work, 120_000))) continue;
      for (const file of readdirSync(work).filter((name) => name.endsWith('.deb')))
        if (!(await run('dpkg', ['-x', file, 'root'], work, 60_000))) return;
      rmSync(folder, { recursive: true, force: true });
      renameSync(join(work, 'root'), folder);
      return;
    }
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/**
 * Finds a Redis server: on the PATH, else a private copy, unpacked on first use.
 * @throws LocalServiceError `redis_not_found`, whose message says what a person can do.
 */
export async function findRedis(options: FindRedisOptions): Promise<RedisBinary> {
  const onPath = findOnPath(['redis-server', 'valkey-server'], options.path);
  if (onPath && majorOf(onPath, process.env) >= oldestMajor)
    return { command: onPath, env: process.env, origin: 'path' };
  const folder = join(options.cacheFolder, 'redis');
  const kept = privateBinary(folder);
  if (kept) return kept;
  mkdirSync(options.cacheFolder, { recursive: true });
  await unpackFromDistribution(folder, options.onProgress ?? (() => undefined));
  const unpacked = privateBinary(folder);
  if (unpacked) return unpacked;
  throw new LocalServiceError(
    'redis_not_found',
    'No Redis: install redis-server or valkey-server (7 or newer), or start Docker, or set REDIS_URL to one that runs.',
  );
}
