import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Redis } from 'ioredis';
import { root, runCommand, type StartedCluster } from './started-cluster.js';

interface JoinFile {
  readonly gatewayUrl: string;
  readonly gatewayFingerprint?: string;
  readonly ticket: string;
  readonly manifest: { readonly nodeId: string; readonly signatures: readonly object[] };
}

/** A runner as another machine would run it: with a data folder, a key and a join file of its own, and no more. */
export class JoiningNode {
  private child: ChildProcess | undefined;

  private constructor(
    readonly folder: string,
    readonly file: string,
  ) {}

  /** Makes its key, and has the cluster's operator make it a ticket. */
  static invite(cluster: StartedCluster, port: number, scheme: 'http' | 'https' = 'http'): JoiningNode {
    const folder = mkdtempSync(join(dirname(cluster.dataFolder), 'node-'));
    const key = cluster.watershed(['nodes', 'key', 'runner', '--node-data', folder]);
    const file = join(folder, 'join.json');
    const url = `${scheme}://127.0.0.1:${port}`;
    const made = cluster.watershed(['nodes', 'ticket', key.stdout.trim(), '--node-url', url, '--out', file]);
    if (made.code !== 0) throw new Error(made.stderr);
    return new JoiningNode(folder, file);
  }

  get joinFile(): JoinFile {
    return JSON.parse(readFileSync(this.file, 'utf8')) as JoinFile;
  }

  get nodeId(): string {
    return this.joinFile.manifest.nodeId;
  }

  private get args(): string[] {
    return [join(root, 'dist/scripts/host/main.js'), '--services', 'runner', '--join', this.file];
  }

  start(): void {
    this.child = spawn(process.execPath, this.args, {
      stdio: ['pipe', 'ignore', 'ignore'],
      env: { PATH: process.env.PATH, WATERSHED_DATA_DIR: this.folder, WATERSHED_PARENT_PIPE: '1' },
    });
  }

  /** The same file with another data folder: what a thief of the file alone could do. */
  startElsewhere() {
    const folder = mkdtempSync(join(this.folder, 'elsewhere-'));
    return runCommand(process.execPath, this.args, { WATERSHED_DATA_DIR: folder });
  }

  /** A start that is to end at once, with something of the file changed. */
  startChanged(change: object) {
    const file = join(this.folder, 'changed.json');
    writeFileSync(file, JSON.stringify({ ...this.joinFile, ...change }));
    return runCommand(process.execPath, [...this.args.slice(0, -1), file], { WATERSHED_DATA_DIR: this.folder });
  }

  /** A connection with the login that it was given; undefined until it has joined. */
  redis(): Redis | undefined {
    const file = join(this.folder, 'nodes', 'runner.login.json');
    if (!existsSync(file)) return undefined;
    const { redisUrl } = JSON.parse(readFileSync(file, 'utf8')) as { redisUrl: string };
    const redis = new Redis(redisUrl, { retryStrategy: () => null, maxRetriesPerRequest: 0 });
    redis.on('error', () => undefined);
    return redis;
  }

  async stop(): Promise<void> {
    const { child } = this;
    if (!child || child.exitCode !== null) return;
    const ended = new Promise((resolve) => child.once('close', resolve));
    child.kill('SIGTERM');
    await ended;
  }
}
