import { existsSync } from 'node:fs';
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { freeBytes, secretFiles } from '#telemetry';

export interface ProcessState {
  ready(): boolean;
  /** The worst since this was asked last. */
  takeLoopLagMs(): number;
  /** WATERSHED_DATA_DIR; absent: a process without one. */
  readonly dataFolder?: string;
}

/** `collectDefaultMetrics` starts a histogram of the loop's turns whatever one says; this one wakes once a minute. */
const unusedPrecisionMs = 60_000;
/** What it makes of that: lags of which its sampling interval is a part. */
const lagWithTheInterval = ['min', 'max', 'mean', 'stddev', 'p50', 'p90', 'p99'].map(
  (of) => `nodejs_eventloop_lag_${of}_seconds`,
);

/** What is the process's and not one app's: Node's own metrics, readiness, its clock, and the folder it keeps its keys in. */
export function processRegistry(state: ProcessState): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: unusedPrecisionMs });
  for (const name of lagWithTheInterval) registry.removeSingleMetric(name);
  const gauge = (name: string, help: string, value: () => number | undefined) =>
    new Gauge({
      name: `watershed_${name}`,
      help,
      registers: [registry],
      collect() {
        const now = value();
        if (now === undefined) this.remove();
        else this.set(now);
      },
    });
  gauge('ready', '1 while every app of the process does its work', () => (state.ready() ? 1 : 0));
  gauge(
    'event_loop_lag_seconds',
    'How late timers fired at worst since the last scrape',
    () => state.takeLoopLagMs() / 1000,
  );
  gauge(
    'time_seconds',
    "This machine's clock at the scrape, to be compared with Prometheus's",
    () => Date.now() / 1000,
  );
  const { dataFolder } = state;
  if (dataFolder === undefined) return registry;
  const there = <Value>(read: () => Value) => (existsSync(dataFolder) ? read() : undefined);
  gauge('data_folder_present', '1 while the data folder is there', () => there(() => 1) ?? 0);
  gauge('disk_free_bytes', 'What may still be written to the data folder', () => there(() => freeBytes(dataFolder)));
  gauge('open_secret_files', 'Files with keys that others than their owner may read', () =>
    there(() => secretFiles(dataFolder).open.length),
  );
  return registry;
}
