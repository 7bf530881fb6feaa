import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, fstatSync, openSync, readSync, renameSync, statSync } from 'node:fs';
import { RestartPause } from './restart-pause.js';

export interface NodeProcessOptions {
  readonly name: string;
  readonly script: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly nodeFlags?: readonly string[];
  readonly logFile: string;
  /** After how long a stop becomes a kill. */
  readonly graceMs: number;
  readonly onLine: (line: string) => void;
}

const largestLogBytes = 16 * 2 ** 20;

/**
 * One Node process of the cluster: started again with a growing pause when it ends unasked, told to drain by SIGTERM, and
 * ended by its closing standard input should we die first. It hears no Ctrl-C of our terminal.
 */
export class NodeProcess {
  private child: ChildProcess | undefined;
  private stopping = false;
  private readonly pause = new RestartPause();
  private startedAt = 0;
  private restartTimer: NodeJS.Timeout | undefined;
  private ended: Promise<void> = Promise.resolve();

  constructor(private readonly options: NodeProcessOptions) {}

  get name(): string {
    return this.options.name;
  }

  get pid(): number | undefined {
    return this.child?.pid;
  }

  start(): void {
    const { logFile, script, args, env, nodeFlags = [] } = this.options;
    if (existsSync(logFile) && statSync(logFile).size > largestLogBytes) renameSync(logFile, `${logFile}.1`);
    const log = openSync(logFile, 'a', 0o600);
    const child = spawn(process.execPath, [...nodeFlags, script, ...args], {
      env: { ...env, WATERSHED_PARENT_PIPE: '1' },
      stdio: ['pipe', log, log, 'ipc'],
      detached: true,
    });
    closeSync(log);
    child.stdin?.on('error', () => undefined);
    this.child = child;
    this.startedAt = performance.now();
    this.ended = new Promise((resolve) => {
      const end = (reason: string) => {
        if (this.child !== child) return;
        this.child = undefined;
        resolve();
        if (!this.stopping) this.restart(reason);
      };
      child.once('exit', (code, signal) =>
        end(signal ? `was killed by ${signal}` : `ended with code ${code}${lastWords(logFile)}`),
      );
      child.once('error', (error) => end(error.message));
    });
  }

  private restart(reason: string): void {
    const pauseMs = this.pause.nextMs(performance.now() - this.startedAt);
    this.options.onLine(`${this.name} ${reason}; starting it again in ${pauseMs} ms (log: ${this.options.logFile})`);
    this.restartTimer = setTimeout(() => {
      try {
        this.start();
      } catch (error) {
        // No room for its log, for example: that is no reason to leave the others alone.
        this.restart(error instanceof Error ? error.message : String(error));
      }
    }, pauseMs);
  }

  /** Drains one app of the process ahead of the others. Resolves when that is done, or cannot be any more. */
  async drain(app: string): Promise<void> {
    const child = this.child;
    if (!child?.connected) return;
    let heard: (message: unknown) => void = () => undefined;
    let late: NodeJS.Timeout | undefined;
    const drained = new Promise<void>((resolve) => {
      heard = (message) => {
        if (typeof message === 'object' && message !== null && 'drained' in message && message.drained === app)
          resolve();
      };
      late = setTimeout(resolve, this.options.graceMs);
      child.on('message', heard);
      child.send({ drain: app }, (error) => error && resolve());
    });
    await Promise.race([drained, this.ended]);
    clearTimeout(late);
    child.off('message', heard);
  }

  async stop(): Promise<void> {
    this.stopping = true;
    clearTimeout(this.restartTimer);
    const child = this.child;
    if (!child) return;
    child.kill('SIGTERM');
    const kill = setTimeout(() => {
      this.options.onLine(`${this.name} did not end within ${this.options.graceMs / 1000} s and was killed`);
      child.kill('SIGKILL');
    }, this.options.graceMs);
    await this.ended;
    clearTimeout(kill);
  }
}

const lastWordsBytes = 2_000;

/** What a process said when it gave up: the last line of its log, where that is a sentence and no record. */
function lastWords(logFile: string): string {
  let line: string;
  try {
    line = endOf(logFile).trimEnd().split('\n').pop() ?? '';
  } catch {
    return ''; // tidied away meanwhile: that is no reason to leave the process down, and the others with it
  }
  return line === '' || line.startsWith('{') ? '' : ` (${line.slice(0, 200)})`;
}

/** A log may be larger than what is read at once. */
function endOf(path: string): string {
  const file = openSync(path, 'r');
  try {
    const { size } = fstatSync(file);
    const end = Buffer.alloc(Math.min(size, lastWordsBytes));
    readSync(file, end, 0, end.byteLength, size - end.byteLength);
    return end.toString('utf8');
  } finally {
    closeSync(file);
  }
}
