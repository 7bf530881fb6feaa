import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import type { ModelProcesses, ModelServerSupervisor } from './model-server.port.js';
import { RestartedModelServer, type RestartedModelServerOptions, type ServerRun } from './restarted-model-server.js';

export interface EmbeddedModelServerOptions extends RestartedModelServerOptions {
  /** The built `model-server/main.js`. */
  readonly mainFile: string;
  readonly modelRepository: string;
  readonly startTimeoutMs: number;
  /** Between asking it to end and killing it. */
  readonly stopGraceMs: number;
  /** How long requests under way hold up an unload, of versions that others replace; default 60 s. */
  readonly unloadTimeoutMs?: number;
  /** A server that does not carry out a kill by then is ended itself; default 1 s. */
  readonly killAnswerMs?: number;
  readonly nodeArguments?: readonly string[];
  /** Where it sends its spans; absent: nowhere. */
  readonly collector?: string;
}

interface EmbeddedRun extends ServerRun {
  readonly child: ChildProcess;
}

const announcement = z.object({ listening: z.object({ url: z.url(), metricsUrl: z.url() }) });
const deathNotice = z.object({ died: z.object({ model: z.string(), version: z.number() }) });
const killAnswer = z.object({ killed: z.object({ id: z.number(), found: z.boolean() }) });

/**
 * The embedded model server as a child of this process. The child holds a channel to us: when this process ends, however
 * it ends, the channel closes and the child goes too. It has a process group of its own, so that a Ctrl-C in the terminal
 * does not take it away under requests that still drain.
 */
export class EmbeddedModelServer extends RestartedModelServer<EmbeddedRun> implements ModelServerSupervisor {
  readonly kind = 'embedded';
  readonly processes: ModelProcesses = {
    killModel: (name, version) => this.killModel(name, version),
    killServer: () => this.killServer(),
  };
  private kills = 0;

  constructor(private readonly options: EmbeddedModelServerOptions) {
    super(options);
  }

  /** The child's process id, for tests that kill it. */
  get processId(): number | undefined {
    return this.running?.child.pid;
  }

  protected async halt({ child }: EmbeddedRun): Promise<void> {
    await stop(child, this.options.stopGraceMs);
  }

  /** The server is the parent of its models' processes, so it is told; one that does not answer goes itself, and they with it. */
  private async killModel(name: string, version: string): Promise<boolean> {
    const running = this.running;
    if (!running) return false;
    const { child } = running;
    this.kills += 1;
    const id = this.kills;
    const found = await new Promise<boolean | undefined>((resolve) => {
      const settle = (answer: boolean | undefined) => {
        clearTimeout(timer);
        child.off('message', listen);
        child.off('exit', gone);
        resolve(answer);
      };
      const listen = (message: unknown) => {
        const told = killAnswer.safeParse(message);
        if (told.success && told.data.killed.id === id) settle(told.data.killed.found);
      };
      const gone = () => settle(undefined);
      const timer = setTimeout(gone, this.options.killAnswerMs ?? 1_000);
      child.on('message', listen);
      child.once('exit', gone);
      child.send({ kill: { id, model: name, version: Number(version) } }, (error) => error && gone());
    });
    if (found !== undefined) return found;
    await this.end(running);
    return true;
  }

  private async killServer(): Promise<void> {
    if (this.running) await this.end(this.running);
  }

  /** Its models' processes are of its group, so that nothing has to be asked of it to end them with it. */
  private async end({ child }: EmbeddedRun): Promise<void> {
    const { pid } = child;
    if (pid === undefined) return;
    const ended = child.exitCode !== null || child.signalCode !== null ? undefined : once(child, 'exit');
    signalGroup(pid);
    await ended;
    // Orphans are collected by whoever inherits them, a moment later; what is killed holds nothing meanwhile.
    for (let i = 0; i < 100 && signalGroup(pid); i++) await delay(5);
  }

  protected async launch(): Promise<EmbeddedRun> {
    const { mainFile, modelRepository, startTimeoutMs, logger, nodeArguments = [], collector } = this.options;
    const unload = ['--unload-timeout-ms', String(this.options.unloadTimeoutMs ?? 60_000)];
    const listen = ['--http-port', '0', '--metrics-port', '0'];
    const child = spawn(
      process.execPath,
      [...nodeArguments, mainFile, '--model-repository', modelRepository, ...listen, ...unload],
      {
        detached: true,
        stdio: ['pipe', 'ignore', 'pipe', 'ipc'],
        // Nothing of our own environment but that address: it holds the runner's secrets, and this process runs other people's models.
        env: { WATERSHED_PARENT_PIPE: '1', ...(collector ? { OTEL_EXPORTER_OTLP_ENDPOINT: collector } : {}) },
      },
    );
    child.stdin?.on('error', () => undefined);
    child.on('message', (message) => {
      if (deathNotice.safeParse(message).success) this.modelDied();
    });
    child.stderr?.on('data', (chunk: Buffer) => {
      for (const line of chunk.toString('utf8').split('\n')) if (line.trim()) logger.info({ line }, 'model server');
    });
    try {
      const { url, metricsUrl } = await announced(child, startTimeoutMs);
      const ended = new Promise<string>((resolve) => {
        child.once('exit', (code, signal) => resolve(signal ?? `code ${code}`));
        if (child.exitCode !== null || child.signalCode !== null) resolve(child.signalCode ?? `code ${child.exitCode}`);
      });
      return { child, url, metricsUrl, ended };
    } catch (cause) {
      await stop(child, 0);
      throw cause;
    }
  }
}

/** Waits until the child says where it listens. */
function announced(child: ChildProcess, timeoutMs: number): Promise<{ url: string; metricsUrl: string }> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no address within ${timeoutMs} ms`)), timeoutMs);
    child.on('message', (message) => {
      const told = announcement.safeParse(message);
      if (!told.success) return;
      clearTimeout(timer);
      resolve(told.data.listening);
    });
    child.once('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.once('exit', (code, signal) => {
      clearTimeout(timer);
      reject(new Error(`it ended before it was up (${signal ?? code})`));
    });
  });
}

/** Kills a process group; false where there is none any more. */
function signalGroup(pid: number): boolean {
  try {
    return process.kill(-pid, 'SIGKILL');
  } catch {
    return false; // ESRCH: all of it is gone
  }
}

async function stop(child: ChildProcess, graceMs: number): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.stdin?.end();
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
  await gone;
  clearTimeout(timer);
}
