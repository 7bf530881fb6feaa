import { existsSync, readdirSync, readFileSync, statfsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Placement, type ServiceName, serviceNames } from '#contracts';
import { isRunning } from '#local-services';
import type { RunningCluster } from '../start/cluster.js';
import { dataFormat } from '../start/data-folder.js';
import { type Api, CommandError } from '../watershed/api.js';
import { type ModelServerSeen, modelServers } from './model-servers.js';

/** What a check found: fine, or what is wrong and what to do about it. */
export type Finding =
  | { readonly ok: true; readonly seen: string }
  | { readonly ok: false; readonly wrong: string; readonly remedy: string };

export interface Check {
  readonly name: string;
  /** Checks that only say something when this one is fine are left out where it is not. */
  readonly needs?: string;
  run(): Promise<Finding>;
}

export interface CheckContext {
  readonly dataFolder: string;
  readonly url: string;
  readonly api: Api;
}

const fine = (seen: string): Finding => ({ ok: true, seen });
const wrong = (what: string, remedy: string): Finding => ({ ok: false, wrong: what, remedy });

interface NodeRow {
  readonly nodeId: string;
  readonly manifest: { readonly services: readonly ServiceName[] };
  readonly health: string;
}

function dataChecks({ dataFolder }: CheckContext): Check[] {
  const file = (...parts: string[]) => join(dataFolder, ...parts);
  return [
    {
      name: 'data folder',
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
      needs: 'data folder',
      run: async () => {
        const folders = ['.', 'identity', 'keys', 'nodes', 'operator'].filter((name) => existsSync(file(name)));
        const secret = folders.flatMap((folder) =>
          readdirSync(file(folder))
            .filter((name) => folder !== '.' || name === 'secrets.json')
            .map((name) => file(folder, name)),
        );
        const open = secret.filter((path) => statSync(path).isFile() && (statSync(path).mode & 0o077) !== 0);
        return open.length === 0
          ? fine(`${secret.length} files, readable by their owner alone`)
          : wrong(`others may read ${open.join(', ')}`, `chmod 600 them, and rotate what they hold`);
      },
    },
    {
      name: 'disk',
      needs: 'data folder',
      run: async () => {
        const room = statfsSync(dataFolder);
        const freeMb = Math.floor((room.bavail * room.bsize) / 2 ** 20);
        return freeMb > 1024
          ? fine(`${(freeMb / 1024).toFixed(1)} GB free`)
          : wrong(`${freeMb} MB free`, 'make room: below 256 MB the cluster does not start');
      },
    },
    {
      name: 'processes',
      needs: 'data folder',
      run: async () => {
        if (!existsSync(file('running.json')))
          return wrong('no cluster of this machine runs on this folder', 'npm start');
        const running = JSON.parse(readFileSync(file('running.json'), 'utf8')) as RunningCluster;
        if (!isRunning(running.pid))
          return wrong(`the supervisor (process ${running.pid}) is gone`, 'npm start; it recovers by itself');
        const silent: string[] = [];
        for (const { name, metricsPort } of running.processes) {
          const live = await fetch(`http://127.0.0.1:${metricsPort}/metrics`, { signal: AbortSignal.timeout(3_000) })
            .then(async (response) => response.ok && (await response.text()).length > 0)
            .catch(() => false);
          if (!live) silent.push(name);
        }
        return silent.length === 0
          ? fine(`${running.processes.map(({ name }) => name).join(', ')} run and give metrics`)
          : wrong(`${silent.join(', ')} give no metrics`, `look into ${file('logs')}/<name>.log`);
      },
    },
    {
      name: 'model server',
      needs: 'processes',
      run: async () => {
        const { processes } = JSON.parse(readFileSync(file('running.json'), 'utf8')) as RunningCluster;
        const found = await modelServers(processes.map(({ metricsPort }) => metricsPort));
        const silent = found.filter(({ live }) => !live);
        const named = (servers: readonly ModelServerSeen[]) =>
          servers
            .map(({ kind, version }) => `${kind === 'triton' ? 'Triton' : 'the embedded one'} ${version}`.trim())
            .join(', ');
        if (found.length === 0) return wrong('no runner tells of one', `look into ${file('logs')}/runner.log`);
        return silent.length === 0
          ? fine(`${named(found)} serves`)
          : wrong(
              `${named(silent)} does not answer`,
              `look into ${file('logs')}/runner.log; one of our own is started again`,
            );
      },
    },
  ];
}

function gatewayChecks({ url, api, dataFolder }: CheckContext): Check[] {
  return [
    {
      name: 'gateway',
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
      needs: "operator's key",
      run: async () => {
        const wanted = (await api.all<Placement>('/v1/placements')).filter((place) => place.wanted === 'loaded');
        const lacking = wanted.filter((place) => place.state !== 'ready');
        if (lacking.length === 0) return fine(`${wanted.length} placed and served`);
        const what = lacking.map(
          (place) =>
            `${place.model} ${place.version} is ${place.state}${place.failure ? ` (${place.failure.message})` : ''}`,
        );
        return wrong(what.join('; '), 'watershed models place <model> tries again; the runner’s log says more');
      },
    },
    {
      name: 'ledger',
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

export const checks = (context: CheckContext): readonly Check[] => [...dataChecks(context), ...gatewayChecks(context)];
