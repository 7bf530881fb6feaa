import { z } from 'zod';
import { type Env, parseEnv, port, wholeNumber } from '#config';
import { AppGroup, type NamedApp, type StartFailure } from './app-group.js';
import { type OpsServer, startOpsServer } from './ops-server.js';
import type { StartApp } from './running-app.js';

/** What a supervisor may tell a process beside its apps' own settings. */
const processEnv = z.object({
  /** Where `/metrics` and `/health/*` stand; absent: nowhere. */
  METRICS_PORT: port().optional(),
  WATERSHED_DATA_DIR: z.string().min(1).optional(),
  METRICS_HOST: z.string().min(1).default('127.0.0.1'),
  /** `1`: end when standard input closes, because whoever started this process has gone. */
  WATERSHED_PARENT_PIPE: z.string().optional(),
  WATERSHED_DRAIN_TIMEOUT_MS: wholeNumber(0, 600_000).default(10_000),
  /** How long a process may take to end whose parent has gone: the Redis and Postgres that it kept have gone with it. */
  WATERSHED_ORPHAN_TIMEOUT_MS: wholeNumber(0, 600_000).default(2_000),
});

/** What `runMany` needs of the process it runs in. */
export interface HostProcess {
  on(event: 'SIGTERM' | 'SIGINT', listener: () => void): unknown;
  on(event: 'uncaughtException', listener: (error: Error) => void): unknown;
  /** What a parent that asked for messages says. */
  on(event: 'message', listener: (message: unknown) => void): unknown;
  once(event: 'disconnect', listener: () => void): unknown;
  exit(code: number): unknown;
  /** There when a parent asked for messages. */
  send?(message: object): unknown;
  readonly stdin: { once(event: 'end' | 'close' | 'error', listener: () => void): unknown; resume(): unknown };
  readonly stderr: { write(text: string): unknown; on(event: 'error', listener: () => void): unknown };
}

/**
 * A process of one app. Reads the environment, serves METRICS_PORT if set, drains and closes on SIGTERM, SIGINT or a
 * closed parent pipe; a second signal ends it at once. Exits with 1 and one line when the app does not start.
 */
export async function runMain(name: string, start: StartApp): Promise<void> {
  ownerAlone();
  await runMany(process.env, [{ name, start }]);
}

/** From here on every file and folder that this process makes is its user's alone. */
export function ownerAlone(): void {
  process.umask(0o077);
}

/** The same for several apps in one process. */
export async function runMany(env: Env, apps: readonly NamedApp[], host: HostProcess = process): Promise<void> {
  // Its file may be on a disk that is full: what cannot be written is no second failure.
  host.stderr.on('error', () => undefined);
  const complain = (error: unknown): void => void host.stderr.write(`${describe(error)}\n`);
  const group = new AppGroup({
    onError: complain,
    onFailure: (failure) => void host.stderr.write(`${describeStart(failure)}\n`),
  });
  let ops: OpsServer | undefined;
  let drainTimeoutMs = 10_000;
  let stopping = false;

  const end = (code: number): void => {
    if (stopping) return void host.exit(code || 130);
    stopping = true;
    void group
      .stop(drainTimeoutMs)
      .catch(complain)
      .then(() => ops?.close())
      .catch(complain)
      .then(() => host.exit(group.failure ? 1 : code));
  };
  host.on('SIGTERM', () => end(0));
  host.on('SIGINT', () => end(0));
  // Where one process holds the gateway and the index, others must be able to stop between the two.
  host.on('message', (message) => {
    const name = appToDrain(message);
    if (name !== undefined) void group.drain(name, drainTimeoutMs).then(() => host.send?.({ drained: name }));
  });
  host.on('uncaughtException', (error) => {
    complain(error);
    end(1);
  });
  try {
    const settings = parseEnv(processEnv, env, apps.map((app) => app.name).join('+'));
    drainTimeoutMs = settings.WATERSHED_DRAIN_TIMEOUT_MS;
    if (settings.WATERSHED_PARENT_PIPE === '1') {
      watchParent(host, () => {
        if (stopping) return;
        // What is in flight may still end; what waits for storage that is gone would wait for as long as it is let.
        setTimeout(() => host.exit(0), settings.WATERSHED_ORPHAN_TIMEOUT_MS).unref();
        end(0);
      });
    }
    if (settings.METRICS_PORT !== undefined) {
      const dataFolder = settings.WATERSHED_DATA_DIR;
      const state = { apps: () => group.apps, ready: () => group.ready(), ...(dataFolder ? { dataFolder } : {}) };
      ops = await startOpsServer(state, settings.METRICS_PORT, settings.METRICS_HOST);
    }
    if (stopping) return;
    await group.start(env, apps);
    if (stopping) return;
    // A parent that asked for it hears when everything is up.
    host.send?.({ ready: true, apps: group.apps.map(({ name, nodeId, url }) => ({ name, nodeId, url })) });
  } catch (error) {
    if (!group.failure) complain(error);
    if (!stopping) end(1);
  }
}

function appToDrain(message: unknown): string | undefined {
  if (typeof message !== 'object' || message === null || !('drain' in message)) return undefined;
  return typeof message.drain === 'string' ? message.drain : undefined;
}

/** A pipe that closes says so up to three times, and none of them is a second signal. */
function watchParent(host: HostProcess, ended: () => void): void {
  for (const event of ['end', 'close', 'error'] as const) host.stdin.once(event, ended);
  host.stdin.resume();
  host.once('disconnect', ended);
}

function describeStart({ app, error }: StartFailure): string {
  const text = describe(error);
  return error instanceof Error && error.name === 'ConfigError' ? text : `${app} did not start: ${text}`;
}

/** An error that somebody raised is a sentence for the operator; only of a mistake in the code is the stack of use. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const mistake = [TypeError, RangeError, ReferenceError, SyntaxError].some((kind) => error instanceof kind);
  if (mistake && !('code' in error)) return error.stack ?? error.message;
  return error.message || String((error as { code?: unknown }).code ?? error.name);
}
