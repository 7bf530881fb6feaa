import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePortRange as freePortsFrom } from '#local-services';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Two test files at once begin at different ports. */
export const freePortRange = (): Promise<number> => freePortsFrom(21_000 + (process.pid % 50) * 40);

export interface StartOptions {
  readonly port?: number;
  readonly dataFolder?: string;
  readonly flags?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** A command that runs the start as its own arguments, in its own view of the file system for example. */
  readonly within?: readonly string[];
}

export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** One command from its start to its end; its output is kept. */
export function runCommand(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): CommandResult {
  const result = spawnSync(command, [...args], {
    cwd: root,
    encoding: 'utf8',
    timeout: 180_000,
    maxBuffer: 16 * 2 ** 20,
    env: { ...shellEnvironment(), ...env },
  });
  return { code: result.status, stdout: result.stdout ?? '', stderr: result.stderr ?? '' };
}

/** The environment as a person's shell has it: what the test runner adds would change how Node starts. */
export function shellEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(JEST_|NODE_OPTIONS$|NODE_ENV$|npm_|WATERSHED_|REDIS_URL$|DATABASE_URL$|TRITON_URL$)/.test(name),
  );
  return Object.fromEntries(kept);
}

/** Whether a process that still exists is more than a zombie. */
function lives(pid: number): boolean {
  try {
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return false;
  }
}

/** A cluster that runs on this machine, and what a person or an operator can do with it. */
export class ReachableCluster {
  constructor(
    readonly port: number,
    readonly dataFolder: string,
  ) {}

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** The operator's API key. */
  get operatorKey(): string {
    return readFileSync(this.seen('operator', 'api-key'), 'utf8').trim();
  }

  /** Something in the data folder, as the cluster itself sees it: it may have mounts of its own. */
  seen(...parts: string[]): string {
    return join(this.dataFolder, ...parts);
  }

  /** Every living process that names this cluster's data folder in its arguments or environment, with its arguments. */
  processes(): { pid: number; command: string }[] {
    const found: { pid: number; command: string }[] = [];
    for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
      const pid = Number(name);
      if (pid === process.pid) continue;
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
        const environment = readFileSync(`/proc/${pid}/environ`, 'utf8');
        if ((command.includes(this.dataFolder) || environment.includes(this.dataFolder)) && lives(pid))
          found.push({ pid, command });
      } catch (error) {
        // Gone between the listing and the look, or a stranger's: neither is ours.
        if (!['ENOENT', 'ESRCH', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
      }
    }
    return found;
  }

  /** Every living process below `ancestor`, with its arguments. */
  descendants(ancestor: number): { pid: number; command: string }[] {
    const all = readdirSync('/proc').flatMap((name) => {
      if (!/^\d+$/.test(name) || !lives(Number(name))) return [];
      try {
        const parent = Number(readFileSync(`/proc/${name}/stat`, 'utf8').split(') ').pop()?.split(' ')[1]);
        return [
          { pid: Number(name), parent, command: readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ') },
        ];
      } catch {
        return [];
      }
    });
    const tree = [ancestor];
    for (const pid of tree) tree.push(...all.filter(({ parent }) => parent === pid).map((child) => child.pid));
    return all.filter(({ pid }) => pid !== ancestor && tree.includes(pid));
  }

  /** Waits until nothing of the cluster runs; the commands of what still does, otherwise. */
  async leftBehind(timeoutMs = 20_000): Promise<string[]> {
    const end = performance.now() + timeoutMs;
    while (this.processes().length > 0 && performance.now() < end)
      await new Promise((resolve) => setTimeout(resolve, 50));
    return this.processes().map(({ command }) => command);
  }

  /** What the logs say of the last stop: how many nodes the index saw go by plan, and how many found no index to tell. */
  goodByes(): { taken: number; missed: number } {
    const folder = join(this.dataFolder, 'logs');
    const text = readdirSync(folder)
      .map((name) => readFileSync(join(folder, name), 'utf8'))
      .join('');
    const count = (line: string) => text.split(line).length - 1;
    return { taken: count('"A node went by plan"'), missed: count('No index took the good-bye') };
  }

  run(command: 'demo' | 'doctor' | 'k6', args: readonly string[] = []): CommandResult {
    const where = ['--port', String(this.port), '--data', this.dataFolder];
    return runCommand('npm', ['run', '-s', command, '--', ...args, ...where]);
  }

  /** The command line, as the operator unless `key` is given. */
  watershed(args: readonly string[], key?: string): CommandResult {
    return runCommand(
      'npm',
      ['run', '-s', 'watershed', '--', '--port', String(this.port), '--data', this.dataFolder, ...args],
      key ? { WATERSHED_KEY: key } : {},
    );
  }

  /** The same from what is built already, without npm and the look for what changed: for tests that call it many times. */
  watershedNow(args: readonly string[]): CommandResult {
    const command = join(root, 'dist/scripts/watershed/main.js');
    return runCommand(process.execPath, [
      command,
      ...['--port', String(this.port), '--data', this.dataFolder],
      ...args,
    ]);
  }

  async request(
    method: string,
    path: string,
    key?: string,
    json?: unknown,
  ): Promise<{ status: number; body: unknown; headers: Headers }> {
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers: {
        ...(key ? { authorization: `Bearer ${key}` } : {}),
        ...(json === undefined ? {} : { 'content-type': 'application/json' }),
      },
      body: json === undefined ? undefined : JSON.stringify(json),
      signal: AbortSignal.timeout(40_000),
    });
    const text = await response.text();
    return { status: response.status, body: text ? JSON.parse(text) : undefined, headers: response.headers };
  }

  /** Signs a person up and returns their first key. */
  async signUp(): Promise<string> {
    const { status, body } = await this.request('POST', '/v1/people', undefined, {});
    if (status !== 201) throw new Error(`sign-up answered ${status}: ${JSON.stringify(body)}`);
    return (body as { key: { secret: string } }).key.secret;
  }
}

/** A cluster that `npm start` runs from this checkout, with a data folder of its own. */
export class StartedCluster extends ReachableCluster {
  output = '';
  private readonly exited: Promise<number | null>;

  private constructor(
    port: number,
    dataFolder: string,
    private readonly child: ChildProcess,
    private readonly ownView: boolean,
  ) {
    super(port, dataFolder);
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.output += text;
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.output += text;
    });
    this.exited = new Promise((resolve) => child.once('close', resolve));
  }

  /** Resolves when the table stands on the screen; rejects with the output where the start ends before. */
  static async start(options: StartOptions = {}) {
    const cluster = await StartedCluster.launch(options);
    await cluster.untilPrinted('Ctrl-C stops the cluster');
    return cluster;
  }

  static async launch(options: StartOptions = {}): Promise<StartedCluster> {
    const port = options.port ?? (await freePortRange());
    const dataFolder = options.dataFolder ?? join(mkdtempSync(join(tmpdir(), 'watershed-e2e-')), 'data');
    const start = ['npm', 'start', '--', '--port', String(port), '--data', dataFolder, ...(options.flags ?? [])];
    const [command = 'npm', ...args] = [...(options.within ?? []), ...start];
    const child = spawn(command, args, {
      cwd: root,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...shellEnvironment(), ...options.env },
    });
    return new StartedCluster(port, dataFolder, child, options.within !== undefined);
  }

  override seen(...parts: string[]): string {
    return join(this.ownView ? `/proc/${this.child.pid}/root` : '/', super.seen(...parts));
  }

  async untilPrinted(text: string, timeoutMs = 120_000): Promise<void> {
    const end = performance.now() + timeoutMs;
    let ended = false;
    void this.exited.then(() => {
      ended = true;
    });
    while (!this.output.includes(text)) {
      if (ended || performance.now() > end) {
        const tail = this.logTails();
        await this.stop();
        throw new Error(`"${text}" was not printed; the output was:\n${this.output}\n${tail}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  private logTails(): string {
    const folder = join(this.dataFolder, 'logs');
    if (!existsSync(folder)) return '';
    return readdirSync(folder)
      .map((name) => `--- ${name}\n${readFileSync(join(folder, name), 'utf8').slice(-1_500)}`)
      .join('\n');
  }

  /** Ctrl-C in the terminal: the whole foreground group hears it. Whether the cluster said that it stopped in order. */
  async stop(): Promise<boolean> {
    if (this.child.pid !== undefined && this.child.exitCode === null) {
      try {
        process.kill(-this.child.pid, 'SIGINT');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      }
    }
    // npm itself ends by the signal, so its exit code says nothing.
    await this.exited;
    return this.output.includes('Stopped.');
  }

  /** kill -9 of the supervisor and of npm in front of it. */
  async kill(): Promise<void> {
    if (this.child.pid !== undefined) process.kill(-this.child.pid, 'SIGKILL');
    await this.exited;
  }

  removeData(): void {
    rmSync(dirname(this.dataFolder), { recursive: true, force: true });
  }
}
