import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isPortOpen, takesConnections, until } from './free-port.js';
import { type GuardedProcess, startGuarded } from './guarded-process.js';
import { LocalServiceError } from './local-service-error.js';
import { logTail } from './log-tail.js';
import { stopOrphan } from './orphans.js';
import { privateSocket } from './private-socket.js';
import { type FindRedisOptions, findOnPath, findRedis, type RedisBinary } from './redis-binary.js';

export interface LocalService {
  /**
   * With credentials: for configuration, never for a screen or log. Names the socket, where there is one, beside the
   * address on the loopback interface: clients on this machine take the first, `withoutLocalPaths` leaves the second.
   */
  readonly url: string;
  readonly process: GuardedProcess;
  stop(): Promise<void>;
}

export interface StartRedisOptions extends FindRedisOptions {
  readonly folder: string;
  readonly port: number;
  readonly password?: string;
  readonly logFile: string;
  /** Off for tests, where nothing needs to outlive the process. */
  readonly persist?: boolean;
  /** Does not keep this process alive; the server ends with it all the same. */
  readonly background?: boolean;
  /** A folder around all of this server's files that goes when the server ends: for tests. */
  readonly scratchFolder?: string;
}

function dockerRuns(): boolean {
  return (
    findOnPath(['docker']) !== undefined &&
    spawnSync('docker', ['info'], { stdio: 'ignore', timeout: 5_000 }).status === 0
  );
}

/** Where Redis notes its process id. */
const pidFileOf = (folder: string): string => join(folder, 'redis.pid');

/** Ends the Redis of this folder that lost whoever kept it. */
export const stopStrayRedis = (folder: string): boolean => stopOrphan(pidFileOf(folder), 'redis');

/** A path as an argument in Redis's settings. */
const quoted = (path: string): string => `"${path.replace(/["\\]/g, '\\$&')}"`;

/**
 * Starts a Redis on the loopback interface and, where it can be, on a socket in its folder. It ends with this process,
 * whatever ends it.
 */
export async function startRedis(options: StartRedisOptions): Promise<LocalService> {
  mkdirSync(options.folder, { recursive: true, mode: 0o700 });
  let binary: RedisBinary | undefined;
  try {
    binary = await findRedis(options);
  } catch (error) {
    if (!dockerRuns()) throw error;
  }
  stopStrayRedis(options.folder);
  // A container's socket would be another user's, and on some systems in another kernel.
  const socket = binary && (await privateSocket(options.folder, 'redis.sock'));
  // The password stands in a file of mode 0600, because arguments can be read by every user of the machine.
  const settings = [
    `port ${options.port}`,
    `bind ${binary ? '127.0.0.1' : '0.0.0.0'}`,
    `dir ${quoted(binary ? options.folder : '/data')}`,
    ...(socket ? [`unixsocket ${quoted(socket)}`, 'unixsocketperm 700'] : []),
    'save ""',
    `appendonly ${options.persist === false ? 'no' : 'yes'}`,
    'appendfsync everysec',
    'maxmemory-policy noeviction',
    ...(binary ? [`pidfile ${quoted(pidFileOf(options.folder))}`, 'daemonize no'] : []),
    ...(options.password ? [`requirepass ${options.password}`] : []),
  ];
  const settingsFile = join(options.folder, 'redis.conf');
  writeFileSync(settingsFile, `${settings.join('\n')}\n`, { mode: 0o600 });
  const child = startGuarded({
    ...(binary
      ? { command: binary.command, args: [settingsFile], env: binary.env }
      : {
          command: 'docker',
          args: [
            ...['run', '--rm', '-i', '-p', `127.0.0.1:${options.port}:${options.port}`],
            ...['-v', `${options.folder}:/data`, 'redis:7.4-bookworm', 'redis-server', '/data/redis.conf'],
          ],
        }),
    logFile: options.logFile,
    stopSignal: 'TERM',
    hardSignal: 'KILL',
    graceMs: 10_000,
    background: options.background,
    scratchFolder: options.scratchFolder,
  });
  if (
    !(await until(
      async () => (await isPortOpen(options.port)) && (!socket || (await takesConnections({ path: socket }))),
      binary ? 15_000 : 120_000,
      () => child.hasExited(),
    ))
  ) {
    await child.stop();
    throw new LocalServiceError('service_failed', `Redis did not start: ${logTail(options.logFile)}`);
  }
  const credentials = options.password ? `:${options.password}@` : '';
  const bySocket = socket ? `?socket=${encodeURIComponent(socket)}` : '';
  return {
    url: `redis://${credentials}127.0.0.1:${options.port}${bySocket}`,
    process: child,
    stop: () => child.stop(),
  };
}
