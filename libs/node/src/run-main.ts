import type { StartApp } from './running-app.js';

export interface NamedApp {
  readonly name: string;
  readonly start: StartApp;
}

/** A process of one app: reads process.env, serves METRICS_PORT, drains and closes on SIGTERM, SIGINT or a closed parent pipe. */
export async function runMain(_name: string, _start: StartApp): Promise<void> {
  throw new Error('not wired');
}

/** The same for several apps in one process; one that fails to start closes the others. */
export async function runMany(
  _env: Readonly<Record<string, string | undefined>>,
  _apps: readonly NamedApp[],
): Promise<void> {
  throw new Error('not wired');
}
