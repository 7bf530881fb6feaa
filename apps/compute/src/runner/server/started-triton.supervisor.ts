import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { findTriton, LocalServiceError, type LocalTriton, startTriton } from '#local-services';
import type { ModelProcesses, ModelServerSupervisor } from './model-server.port.js';
import { RestartedModelServer, type RestartedModelServerOptions, type ServerRun } from './restarted-model-server.js';

export interface StartedTritonOptions extends RestartedModelServerOptions {
  /** Where `npm run triton -- setup` put it. */
  readonly installationFolder: string;
  readonly modelRepository: string;
  /** Its process id, its log, its temporary files. */
  readonly folder: string;
  readonly startTimeoutMs: number;
  /** Between asking it to end and killing it. */
  readonly stopGraceMs: number;
}

interface TritonRun extends ServerRun {
  readonly triton: LocalTriton;
}

/** A process of Triton's Python backend, which runs one instance of one version of a model. */
interface Stub {
  readonly pid: number;
  /** The model's file. */
  readonly file: string;
  /** The name of its region of shared memory; Triton leaves it behind when the process is killed. */
  readonly region: string;
}

/**
 * A Triton of our own on this machine, started and ended as the embedded server is. Triton runs each instance of a model in
 * a child process whose first argument is the model's file, so that a model can be killed without a word to the server.
 */
export class StartedTriton extends RestartedModelServer<TritonRun> implements ModelServerSupervisor {
  readonly kind = 'triton';
  readonly processes: ModelProcesses = {
    killModel: (name, version) => this.killModel(name, version),
    killServer: () => this.killServer(),
    living: () => this.living(),
  };

  constructor(private readonly options: StartedTritonOptions) {
    super(options);
  }

  /** The server's own process id, for tests that kill it. */
  get processId(): number | undefined {
    return this.running?.triton.serverPid;
  }

  protected async launch(): Promise<TritonRun> {
    const { installationFolder, modelRepository, folder, startTimeoutMs, stopGraceMs } = this.options;
    const installation = findTriton(installationFolder);
    if (!installation)
      throw new LocalServiceError(
        'triton_unavailable',
        `No Triton is set up in ${installationFolder}: npm run triton -- setup`,
      );
    const triton = await startTriton({ installation, modelRepository, folder, startTimeoutMs, stopGraceMs });
    const ended = triton.process.exited.then((code) => `code ${code}`);
    return { triton, url: triton.url, metricsUrl: triton.metricsUrl, ended };
  }

  protected async halt({ triton }: TritonRun): Promise<void> {
    await triton.stop();
  }

  private async killModel(name: string, version: string): Promise<boolean> {
    const run = this.running;
    if (!run) return false;
    const own = stubsOf(run.triton.serverPid, join(this.options.modelRepository, name, version) + sep);
    for (const { pid } of own) signal(pid);
    for (const { pid } of own) await gone(pid);
    for (const { region } of own) rmSync(join('/dev/shm', region), { force: true });
    return own.length > 0;
  }

  private living(): { name: string; version: string }[] {
    const { modelRepository } = this.options;
    if (!this.running) return [];
    return stubsOf(this.running.triton.serverPid, modelRepository + sep).map(({ file }) => {
      const [name = '', version = ''] = relative(modelRepository, file).split(sep);
      return { name, version };
    });
  }

  private async killServer(): Promise<void> {
    const run = this.running;
    if (!run) return;
    const { serverPid } = run.triton;
    const models = stubsOf(serverPid, this.options.modelRepository + sep);
    // Its models' processes are of its group: nothing has to be asked of it to end them with it.
    signal(-serverPid);
    await run.ended;
    for (const { pid } of models) await gone(pid);
  }
}

/** The living processes that run files of a folder, as the system sees them. */
function stubsOf(serverPid: number, folder: string): Stub[] {
  return readdirSync('/proc').flatMap((entry) => {
    if (!/^\d+$/.test(entry)) return [];
    const pid = Number(entry);
    try {
      const [state, parent] = statusOf(pid);
      if (state === 'Z' || Number(parent) !== serverPid) return [];
      const [, file = '', region = ''] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      return file.startsWith(folder) && /^[\w-]+$/.test(region) ? [{ pid, file, region }] : [];
    } catch {
      return []; // it has ended meanwhile
    }
  });
}

/** Waits until the system holds nothing of a killed process any more; what nobody has reaped yet holds nothing. */
async function gone(pid: number): Promise<void> {
  for (;;) {
    try {
      if (statusOf(pid)[0] === 'Z') return;
    } catch {
      return;
    }
    await delay(2);
  }
}

/** Fields of `/proc/<pid>/stat` from the state on. */
function statusOf(pid: number): string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function signal(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
