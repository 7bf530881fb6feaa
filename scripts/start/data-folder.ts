import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { isRunning } from '#local-services';
import { StartError } from './start.errors.js';

/** Rises when a release can no longer read what an older one wrote, or the other way round. */
export const dataFormat = 1;

const minimumFreeBytes = 256 * 2 ** 20;

/** Secrets of this cluster's own services; a file of mode 0600 beside the databases, never an argument or a log line. */
export interface ClusterSecrets {
  readonly postgresPassword: string;
  readonly redisPassword: string;
  /** From which each app's database password is derived. */
  readonly databaseSecret: string;
}

export interface ClusterIdentitySettings {
  readonly name: string;
  readonly region: string;
}

function writeAtomically(file: string, text: string): void {
  writeFileSync(`${file}.tmp`, text, { mode: 0o600, flush: true });
  renameSync(`${file}.tmp`, file);
}

function readJson<T>(file: string): T | undefined {
  if (!existsSync(file)) return undefined;
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as T;
  } catch (cause) {
    throw new StartError('data_corrupt', `${file} is damaged: restore it from a backup, or begin anew with --reset.`, {
      cause,
    });
  }
}

/** When a process began, in clock ticks since boot: with the pid it names one process for ever. */
function startedAt(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').pop()?.split(' ')[19] ?? '';
  } catch {
    return '';
  }
}

/** The folder that holds all that a cluster keeps. Only one start at a time may hold it. */
export class DataFolder {
  private held: Server | undefined;
  private locked = false;

  constructor(readonly path: string) {}

  file(...parts: string[]): string {
    return join(this.path, ...parts);
  }

  /** Deletes everything in it, and refuses a folder that is not ours. */
  reset(): void {
    if (!existsSync(this.path)) return;
    const entries = readdirSync(this.path);
    if (entries.length > 0 && !entries.includes('format'))
      throw new StartError('usage', `${this.path} holds other things than a cluster's data: --reset leaves it alone.`);
    this.refuseLiving();
    rmSync(this.path, { recursive: true, force: true });
  }

  /** Takes the lock, checks the format and the room on the disk. */
  async open(): Promise<void> {
    try {
      mkdirSync(this.path, { recursive: true, mode: 0o700 });
      this.refuseLiving();
      this.checkFormat();
      const room = statfsSync(this.path);
      if (room.bavail * room.bsize < minimumFreeBytes)
        throw new StartError(
          'disk_full',
          `The disk that holds ${this.path} has less than 256 MB free: make room and start again.`,
        );
      await this.lock();
      // Made by an older code, or by hand, it may be open: shut here, what lies in it is out of others' reach.
      chmodSync(this.path, 0o700);
      mkdirSync(this.file('logs'), { recursive: true, mode: 0o700 });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOSPC')
        throw new StartError('disk_full', `The disk that holds ${this.path} is full: make room and start again.`, {
          cause: error,
        });
      if (['EACCES', 'EPERM', 'ENOTDIR', 'EROFS'].includes((error as NodeJS.ErrnoException).code ?? ''))
        throw new StartError(
          'usage',
          `${this.path} cannot be written (${(error as NodeJS.ErrnoException).code}): choose another with --data.`,
        );
      throw error;
    }
  }

  private holder(): number | undefined {
    if (!existsSync(this.file('lock'))) return undefined;
    const [pid = '', began = ''] = readFileSync(this.file('lock'), 'utf8').trim().split(' ');
    // A lock whose process is gone, or whose pid was given to another since, is stale: a kill -9 leaves one.
    return isRunning(Number(pid)) && startedAt(Number(pid)) === began ? Number(pid) : undefined;
  }

  private refuseLiving(): void {
    const pid = this.holder();
    if (pid !== undefined)
      throw new StartError(
        'locked',
        `A cluster runs on ${this.path} already (process ${pid}): stop it, or choose another folder with --data.`,
      );
  }

  /**
   * Two starts at the same instant may both find a stale lock file, and removing one is no compare-and-set. The kernel
   * decides instead: an abstract socket named after the folder has one owner and dies with it. The file says who it is.
   */
  private async lock(): Promise<void> {
    if (process.platform === 'linux') {
      const name = `\0watershed-${createHash('sha256').update(realpathSync(this.path)).digest('hex').slice(0, 32)}`;
      const server = createServer((socket) => socket.destroy());
      await new Promise<void>((resolve, reject) => {
        server.once('error', () => {
          const line = `Another start holds ${this.path}: wait for it to end, or choose another folder with --data.`;
          reject(new StartError('locked', line));
        });
        server.listen(name, resolve);
      });
      server.unref();
      this.held = server;
    }
    writeAtomically(this.file('lock'), `${process.pid} ${startedAt(process.pid)}\n`);
    this.locked = true;
  }

  unlock(): void {
    if (this.locked) rmSync(this.file('lock'), { force: true });
    this.locked = false;
    this.held?.close();
  }

  private checkFormat(): void {
    const file = this.file('format');
    if (!existsSync(file)) {
      if (readdirSync(this.path).length > 0)
        throw new StartError(
          'usage',
          `${this.path} holds other things than a cluster's data: choose an empty folder with --data.`,
        );
      writeAtomically(file, `${dataFormat}\n`);
      return;
    }
    const found = Number(readFileSync(file, 'utf8'));
    if (!Number.isInteger(found) || found < 1)
      throw new StartError('data_corrupt', `${file} is damaged: restore it from a backup, or begin anew with --reset.`);
    if (found > dataFormat)
      throw new StartError(
        'data_newer',
        `${this.path} was written by a newer Watershed (format ${found}, this one reads ${dataFormat}): update the code.`,
      );
  }

  secrets(): ClusterSecrets {
    const file = this.file('secrets.json');
    const kept = readJson<ClusterSecrets>(file);
    if (kept) return kept;
    const fresh = () => randomBytes(32).toString('base64url');
    const made: ClusterSecrets = { postgresPassword: fresh(), redisPassword: fresh(), databaseSecret: fresh() };
    writeAtomically(file, `${JSON.stringify(made)}\n`);
    return made;
  }

  /** Name and region are decided once, when the cluster is made. */
  identitySettings(wanted: ClusterIdentitySettings): ClusterIdentitySettings {
    const file = this.file('cluster.json');
    const kept = readJson<ClusterIdentitySettings>(file);
    if (kept) return kept;
    writeAtomically(file, `${JSON.stringify({ name: wanted.name, region: wanted.region })}\n`);
    return wanted;
  }
}
