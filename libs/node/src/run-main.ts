import { z } from 'zod';
import { type Env, parseEnv, port, wholeNumber } from '#config';
import { type OpsServer, startOpsServer } from './ops-server.js';
import type { RunningApp, StartApp } from './running-app.js';

export interface NamedApp {
  readonly name: string;
  readonly start: StartApp;
}

/** What a supervisor may tell a process beside its apps' own settings. */
const processEnv = z.object({
  /** Where `/metrics` and `/health/*` stand; absent: nowhere. */
  METRICS_PORT: port().optional(),
  METRICS_HOST: z.string().min(1).default('127.0.0.1'),
  /** `1`: end when standard input closes, because whoever started this process has gone. */
  WATERSHED_PARENT_PIPE: z.string().optional(),
  WATERSHED_DRAIN_TIMEOUT_MS: wholeNumber(0, 600_000).default(10_000),
});

const CLOSE_TIMEOUT_MS = 5_000;

/** Several apps of one process, started together, because they wait for each other, and stopped in the reverse order. */
export class AppGroup {
  private running: RunningApp[] = [];
  private complete = false;
  private stopping: Promise<void> | undefined;

  get apps(): readonly RunningApp[] {
    return this.running;
  }

  ready(): boolean {
    return this.complete && !this.stopping && this.running.every((app) => app.ready?.() ?? true);
  }

  /** One that fails to start closes the others. */
  async start(env: Env, apps: readonly NamedApp[]): Promise<void> {
    const started = await Promise.allSettled(apps.map(async ({ start }) => start(env)));
    this.running = started.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
    const failed = started.find((outcome) => outcome.status === 'rejected');
    if (failed) {
      await this.stop(0);
      throw failed.reason;
    }
    if (this.stopping) await this.stopAll(0);
    else this.complete = true;
  }

  /**
   * Drains one app after the other, the last started first: who answers people comes before whom it calls, or draining
   * would refuse the calls of requests that are still in flight. What has not drained by then is closed as it is.
   */
  stop(drainTimeoutMs: number): Promise<void> {
    this.stopping ??= this.stopAll(drainTimeoutMs);
    return this.stopping;
  }

  private async stopAll(drainTimeoutMs: number): Promise<void> {
    const reversed = [...this.running].reverse();
    const deadline = performance.now() + drainTimeoutMs;
    for (const app of reversed) await within(app.drain(), deadline - performance.now());
    for (const app of reversed) await within(app.close(), CLOSE_TIMEOUT_MS);
  }
}

/**
 * A process of one app. Reads the environment, serves METRICS_PORT if set, drains and closes on SIGTERM, SIGINT or a
 * closed parent pipe; a second signal ends it at once. Exits with 1 and one line when the app does not start.
 */
export async function runMain(name: string, start: StartApp): Promise<void> {
  await runMany(process.env, [{ name, start }]);
}

/** The same for several apps in one process. */
export async function runMany(env: Env, apps: readonly NamedApp[]): Promise<void> {
  const group = new AppGroup();
  let ops: OpsServer | undefined;
  let drainTimeoutMs = 10_000;
  let stopping = false;

  const end = (code: number): void => {
    if (stopping) process.exit(code || 130);
    stopping = true;
    void group
      .stop(drainTimeoutMs)
      .catch((error: unknown) => complain(error))
      .then(() => ops?.close())
      .then(() => process.exit(code));
  };
  process.on('SIGTERM', () => end(0));
  process.on('SIGINT', () => end(0));
  process.on('uncaughtException', (error) => {
    complain(error);
    end(1);
  });
  try {
    const settings = parseEnv(processEnv, env, apps.map((app) => app.name).join('+'));
    drainTimeoutMs = settings.WATERSHED_DRAIN_TIMEOUT_MS;
    if (settings.WATERSHED_PARENT_PIPE === '1') watchParent(() => end(0));
    if (settings.METRICS_PORT !== undefined) {
      const state = { apps: () => group.apps, ready: () => group.ready() };
      ops = await startOpsServer(state, settings.METRICS_PORT, settings.METRICS_HOST);
    }
    await group.start(env, apps);
    // A parent that asked for it hears when everything is up.
    process.send?.({ ready: true, apps: group.apps.map(({ name, nodeId, url }) => ({ name, nodeId, url })) });
  } catch (error) {
    if (stopping) return;
    complain(error);
    await ops?.close();
    process.exit(1);
  }
}

function watchParent(ended: () => void): void {
  process.stdin.once('end', ended);
  process.stdin.once('close', ended);
  process.stdin.once('error', ended);
  process.stdin.resume();
  process.once('disconnect', ended);
}

function complain(error: unknown): void {
  const text =
    error instanceof Error ? (isExpected(error) ? error.message : (error.stack ?? error.message)) : String(error);
  process.stderr.write(`${text}\n`);
}

/** An error of ours is a sentence for the operator; only of others is the stack of use. */
const isExpected = (error: Error): boolean => 'code' in error || error.name === 'ConfigError';

async function within(work: Promise<void>, timeoutMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, Math.max(0, timeoutMs));
  });
  try {
    await Promise.race([work, expired]);
  } catch (error) {
    complain(error);
  } finally {
    clearTimeout(timer);
  }
}
