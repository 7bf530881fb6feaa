import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Placement, type ServiceName, serviceNames } from '#contracts';
import { isRunning } from '#local-services';
import { freeBytes, secretFiles } from '#telemetry';
import type { RunningCluster } from '../start/cluster.js';
import { dataFormat } from '../start/data-folder.js';
import { CommandError } from '../watershed/api.js';
import { certificateChecks } from './certificates.js';
import { type Check, type CheckContext, fine, wrong } from './check.js';
import { metricChecks, processesOf, scrape } from './metric-checks.js';
import { type ModelServerSeen, modelServers } from './model-servers.js';
import { stackChecks } from './stack-checks.js';

interface NodeRow {
  readonly nodeId: string;
  readonly manifest: { readonly services: readonly ServiceName[] };
  readonly health: string;
}

function dataChecks(context: CheckContext): Check[] {
  const { dataFolder } = context;
  const file = (...parts: string[]) => join(dataFolder, ...parts);
  return [
    {
      name: 'data folder',
      alert: 'WatershedDataFolderGone',
      run: async () => {
        if (!existsSync(file('format')))
          return wrong(`${dataFolder} holds no cluster`, 'start one with npm start, or name its folder with --data');
        const format = Number(readFileSync(file('format'), 'utf8'));
        return format === dataFormat
          ? fine(`format ${format}`)
          : wrong(`format ${format}, this code reads ${dataFormat}`, 'use the code that wrote it, or restore a backup');
      },
    },
    {
      name: 'secret files',
      alert: 'WatershedSecretsReadable',
      needs: 'data folder',
      run: async () => {
        const { all, open } = secretFiles(dataFolder);
        return open.length === 0
          ? fine(`${all.length} files, readable by their owner alone`)
          : wrong(`others may read ${open.join(', ')}`, `chmod 600 them, and rotate what they hold`);
      },
    },
    {
      name: 'disk',
      alert: 'WatershedDiskFilling',
      needs: 'data folder',
      run: async () => {
        const freeMb = Math.floor(freeBytes(dataFolder) / 2 ** 20);
        return freeMb > 1024
          ? fine(`${(freeMb / 1024).toFixed(1)} GB free`)
          : wrong(`${freeMb} MB free`, 'make room: below 256 MB the cluster does not start');
      },
    },
    {
      name: 'processes',
      alert: 'WatershedProcessDown',
      needs: 'data folder',
      run: async () => {
        if (!existsSync(file('running.json')))
          return wrong('no cluster of this machine runs on this folder', 'npm start');
        const running = JSON.parse(readFileSync(file('running.json'), 'utf8')) as RunningCluster;
        if (!isRunning(running.pid))
          return wrong(`the supervisor (process ${running.pid}) is gone`, 'npm start; it recovers by itself');
        const silent = (await scrape(processesOf(context)))
          .filter(({ samples }) => samples.length === 0)
          .map(({ name }) => name);
        return silent.length === 0
          ? fine(`${running.processes.map(({ name }) => name).join(', ')} run and give metrics`)
          : wrong(`${silent.join(', ')} give no metrics`, `look into ${file('logs')}/<name>.log`);
      },
    },
  ];
}

function modelServerCheck(context: CheckContext): Check {
  const log = context.stack ? 'the log of the runner' : join(context.dataFolder, 'logs', 'runner.log');
  return {
    name: 'model server',
    alert: 'WatershedModelServerDown',
    needs: 'processes',
    run: async () => {
      const found = await modelServers(processesOf(context));
      const silent = found.filter(({ live }) => !live);
      const named = (servers: readonly ModelServerSeen[]) =>
        servers
          .map(({ kind, version }) => `${kind === 'triton' ? 'Triton' : 'the embedded one'} ${version}`.trim())
          .join(', ');
      if (found.length === 0) return wrong('no runner tells of one', `look into ${log}`);
      return silent.length === 0
        ? fine(`${named(found)} serves`)
        : wrong(`${named(silent)} does not answer`, `look into ${log}; one of our own is started again`);
    },
  };
}

function gatewayChecks({ url, api, dataFolder }: CheckContext): Check[] {
  return [
    {
      name: 'gateway',
      alert: 'WatershedNotReady',
      run: async () => {
        const began = Date.now();
        const response = await fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(5_000) }).catch(
          () => undefined,
        );
        if (!response) return wrong(`nothing answers at ${url}`, 'npm start, or name the cluster with --port or --url');
        if (!response.ok)
          return wrong(`not ready: ${(await response.text()).slice(0, 200)}`, 'what it names is missing');
        return fine(`ready, answered in ${Date.now() - began} ms`);
      },
    },
    {
      name: 'clock',
      alert: 'WatershedClockWrong',
      needs: 'gateway',
      run: async () => {
        const response = await fetch(`${url}/health/live`, { signal: AbortSignal.timeout(5_000) });
        const skewMs = Math.abs(Date.now() - Date.parse(response.headers.get('date') ?? new Date().toUTCString()));
        return skewMs < 5_000
          ? fine('agrees with the gateway’s')
          : wrong(
              `${Math.round(skewMs / 1000)} s apart from the gateway’s`,
              'set both by NTP: signatures live for a minute',
            );
      },
    },
    {
      name: "operator's key",
      alert: 'WatershedNoOperatorKey',
      needs: 'gateway',
      run: async () => {
        try {
          const me = await api.request<{ person: { role: string } }>('GET', '/v1/me');
          return me.person.role === 'operator'
            ? fine('accepted, with the role operator')
            : wrong('accepted, but not an operator’s', `use the key in ${join(dataFolder, 'operator', 'api-key')}`);
        } catch (error) {
          if (!(error instanceof CommandError)) throw error;
          return wrong(error.message, 'delete the file operator/api-key and start again: a new key is made');
        }
      },
    },
    {
      name: 'nodes',
      alert: 'WatershedServiceWithoutNode',
      needs: "operator's key",
      run: async () => {
        const nodes = await api.all<NodeRow>('/v1/nodes');
        const lacking = serviceNames.filter(
          (service) => !nodes.some((node) => node.health === 'alive' && node.manifest.services.includes(service)),
        );
        return lacking.length === 0
          ? fine(`${nodes.filter(({ health }) => health === 'alive').length} alive, every service among them`)
          : wrong(`no living node serves ${lacking.join(', ')}`, 'look into the log of the process that carries it');
      },
    },
    {
      name: 'models',
      alert: 'WatershedModelNotReady',
      needs: "operator's key",
      run: async () => {
        const wanted = (await api.all<Placement>('/v1/placements')).filter((place) => place.wanted === 'loaded');
        const under = wanted.filter((place) => isBeingLoaded(place));
        const lacking = wanted.filter((place) => place.state !== 'ready' && !under.includes(place));
        if (lacking.length === 0)
          return fine(`${wanted.length} placed and ${under.length > 0 ? `${under.length} being loaded` : 'served'}`);
        const what = lacking.map(
          (place) =>
            `${place.model} ${place.version} is ${place.state}${place.failure ? ` (${place.failure.message})` : ''}`,
        );
        return wrong(what.join('; '), 'watershed models place <model> tries again; the runner’s log says more');
      },
    },
    {
      name: 'ledger',
      alert: 'WatershedLedgerUnbalanced',
      needs: "operator's key",
      run: async () => {
        const totals = await api.request<{
          assets: { asset: string; sumMicro: string }[];
          unpostedUsageEvents: number;
        }>('GET', '/v1/audit/ledger');
        const broken = totals.assets.filter(({ sumMicro }) => sumMicro !== '0');
        if (broken.length > 0)
          return wrong(
            `${broken.map(({ asset, sumMicro }) => `${asset} sums to ${sumMicro}`).join(', ')}`,
            'stop taking payments and restore the toll schema from a backup',
          );
        return fine(`sums to zero; ${totals.unpostedUsageEvents} usage events wait to be posted`);
      },
    },
  ];
}

/** A runner that has just started pulls and loads what it is to serve: that takes its time and is no fault. */
const loadingMs = 60_000;
const isBeingLoaded = ({ state, updatedAt }: Placement): boolean =>
  (state === 'wanted' || state === 'loading') && Date.now() - Date.parse(updatedAt) < loadingMs;

export const checks = (context: CheckContext): readonly Check[] => [
  ...(context.stack ? stackChecks(context.stack) : dataChecks(context)),
  modelServerCheck(context),
  ...metricChecks(context),
  // Before the gateway, which nobody believes any more when its certificate has ended.
  ...certificateChecks(context),
  ...gatewayChecks(context),
];
