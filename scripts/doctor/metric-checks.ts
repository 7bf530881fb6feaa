import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RunningCluster } from '../start/cluster.js';
import { type Check, type CheckContext, fine, type ProcessAddress, wrong } from './check.js';
import { readExposition, type Sample } from './exposition.js';

/** The processes of the stack, or those that the launcher of this machine's cluster has written down. */
export function processesOf({ stack, dataFolder }: CheckContext): readonly ProcessAddress[] {
  if (stack) return stack;
  const { processes } = JSON.parse(readFileSync(join(dataFolder, 'running.json'), 'utf8')) as RunningCluster;
  return processes.map(({ name, metricsPort }) => ({ name, metricsUrl: `http://127.0.0.1:${metricsPort}/metrics` }));
}

/** What each process of a running cluster gives as metrics; none where it does not answer. */
export function scrape(processes: readonly ProcessAddress[]): Promise<{ name: string; samples: readonly Sample[] }[]> {
  return Promise.all(
    processes.map(async ({ name, metricsUrl }) => {
      const text = await fetch(metricsUrl, { signal: AbortSignal.timeout(5_000) })
        .then((response) => (response.ok ? response.text() : ''))
        .catch(() => '');
      return { name, samples: readExposition(text) };
    }),
  );
}

const seconds = (value: number) => `${Math.round(value)} s`;

/** What only the processes themselves can tell: the same figures, with the same limits, as the alerts watch. */
export function metricChecks(context: CheckContext): Check[] {
  const samples = async (name: string): Promise<Sample[]> =>
    (await scrape(processesOf(context))).flatMap((each) => each.samples).filter((sample) => sample.name === name);
  const beyond = async (name: string, limit: number) => {
    const found = await samples(name);
    const worst = Math.max(0, ...found.map(({ value }) => value));
    const services = found.filter(({ value }) => value > limit).map(({ labels }) => labels.service ?? '');
    return { there: found.length > 0, worst, services };
  };
  const missing = () => wrong('no process tells of it', 'look into the logs: a query for it fails');
  return [
    {
      name: 'bus',
      alert: 'WatershedBusDisconnected',
      needs: 'processes',
      run: async () => {
        const found = await samples('watershed_bus_connected');
        const cut = found.filter(({ value }) => value === 0).map(({ labels }) => labels.service);
        if (found.length === 0) return missing();
        return cut.length === 0
          ? fine(`${found.length} services are connected`)
          : wrong(
              `${cut.join(', ')} have no connection to Redis`,
              'look into the log of Redis; they connect by themselves',
            );
      },
    },
    {
      name: 'logins',
      alert: 'WatershedLoginsMissing',
      needs: 'processes',
      run: async () => {
        const { there, worst } = await beyond('watershed_governance_redis_logins_missing', 0);
        if (!there) return missing();
        return worst === 0
          ? fine('every node has a Redis user of its own')
          : wrong(
              `${worst} nodes have no Redis user of their own`,
              'use a Redis (7 or newer) whose login may manage users; governance’s log says why it cannot',
            );
      },
    },
    {
      name: 'index watch',
      alert: 'WatershedIndexStale',
      needs: 'processes',
      run: async () => {
        const { there, worst, services } = await beyond('watershed_index_watch_age_seconds', 30);
        if (!there) return missing();
        return services.length === 0
          ? fine(`every service heard from the index in the last ${seconds(worst)}`)
          : wrong(`${services.join(', ')} have not for up to ${seconds(worst)}`, 'look into the log of the index');
      },
    },
    {
      name: 'outbox',
      alert: 'WatershedOutboxLagging',
      needs: 'processes',
      run: async () => {
        const { there, worst, services } = await beyond('watershed_outbox_oldest_pending_seconds', 60);
        if (!there) return missing();
        return services.length === 0
          ? fine('nothing waits for long')
          : wrong(
              `a message of ${services.join(', ')} waits since ${seconds(worst)}`,
              'its log says who does not take it',
            );
      },
    },
    {
      name: 'usage',
      alert: 'WatershedUsageUnposted',
      needs: 'processes',
      run: async () => {
        const { there, worst, services } = await beyond('watershed_toll_oldest_unposted_usage_seconds', 60);
        if (!there) return missing();
        return services.length === 0
          ? fine('posted to the ledger as it comes')
          : wrong(
              `usage waits since ${seconds(worst)} to be posted`,
              'look into the log of toll; nothing is lost meanwhile',
            );
      },
    },
  ];
}
