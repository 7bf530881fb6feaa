import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { type Env, parseEnv, postgresUrl, redisUrl, secret } from '#config';
import { region } from '#contracts';
import { delegationFileOf, keyFileOf, secretKeyFileOf } from '#sigil';
import { DataFolder } from '../../start/data-folder.js';
import { envPrefix } from '../../start/env-prefix.js';
import type { InitialiseOutcome, InitialiseRequest } from '../../start/initialise.js';
import { portOf } from '../../start/ports.js';
import { nodeKeyFileOf } from '../../start/seed-access.js';
import { serviceEnv } from '../../start/service-env.js';
import {
  basePort,
  type Container,
  containers,
  dataFolder,
  metricsPort,
  stackHosts,
  volumesFolder,
} from './containers.js';
import { keepPrivateFile, ownDataVersion, writeSettings } from './settings.js';
import { awaitServer } from './waiting.js';

const initEnv = z.object({
  /** The administrator's login. */
  DATABASE_URL: postgresUrl(),
  REDIS_URL: redisUrl(),
  /** 32 bytes as base64url, from which the services' database passwords derive. */
  WATERSHED_DATABASE_SECRET: secret(),
  WATERSHED_CLUSTER_NAME: z.string().min(1).max(80).default('watershed'),
  WATERSHED_REGION: region.default('EU/FR'),
});

/** A refusal in one line for the operator. */
export class InitError extends Error {
  override readonly name = 'InitError';
}

/** The same preparation as `npm start` makes, in a process of its own. */
async function prepare(request: InitialiseRequest): Promise<Extract<InitialiseOutcome, { ok: true }>> {
  const child = spawn(process.execPath, [fileURLToPath(new URL('../../start/initialise.js', import.meta.url))], {
    stdio: ['pipe', 'pipe', 'inherit'],
    // The keys that wrap people's are made where they are used, and no copy of them lies anywhere else.
    env: {
      ...process.env,
      GATEWAY_KEK_FILE: secretKeyFileOf(join(volumesFolder, 'gateway'), 'kek'),
      POD_HOST_KEK_FILE: secretKeyFileOf(join(volumesFolder, 'pod-host'), 'pod-kek'),
    },
  });
  child.stdin.end(JSON.stringify(request));
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  await new Promise((resolve) => child.once('close', resolve));
  const line = output.trim().split('\n').pop() ?? '';
  if (!line.startsWith('{')) throw new InitError('The cluster could not be prepared; the reason stands above.');
  const outcome = JSON.parse(line) as InitialiseOutcome;
  if (!outcome.ok) throw new InitError(outcome.message);
  return outcome;
}

/** Copies to a container's volume the keys that its service signs with, and what else it reads of the cluster's. */
async function handOut({ name, keys }: Container): Promise<void> {
  const target = join(volumesFolder, name);
  const files = [...keys, 'operator' as const].map((purpose) => keyFileOf('', purpose));
  // The node's key, which its logins were made for.
  files.push(nodeKeyFileOf('', name));
  if (keys.includes('descriptor')) files.push(delegationFileOf(''));
  for (const file of files.filter((each) => existsSync(join(dataFolder, each))))
    await keepPrivateFile(join(target, file), readFileSync(join(dataFolder, file), 'utf8'));
}

/** A container is told its own login and no other's. */
function ownUrl({ name, service }: Container, redisUrls: Readonly<Record<string, string>>): Record<string, string> {
  const own = redisUrls[name];
  return own === undefined ? {} : { [service]: own };
}

/** Where a service listens and what the others reach it by; people reach the gateway by what its compose file says. */
export function addresses({ name, service }: Pick<Container, 'name' | 'service'>): Record<string, string> {
  const prefix = envPrefix(service);
  const url = `http://${name}:${portOf(service, basePort)}`;
  return {
    METRICS_HOST: '0.0.0.0',
    WATERSHED_INTERNAL_NETWORK: stackHosts.join(','),
    [`${prefix}_HOST`]: '0.0.0.0',
    ...(service === 'gateway' ? {} : { [`${prefix}_PUBLIC_URL`]: url }),
    ...(service === 'bridge' ? { BRIDGE_PUBLIC_URLS: url } : {}),
  };
}

/**
 * Everything that must be there before a service starts: the cluster's identity, its migrated database, and in each
 * container's volume its own keys and logins. Runs once for each `up`; doing it again changes nothing.
 */
export async function runInit(env: Env): Promise<void> {
  const given = parseEnv(initEnv, env, 'init');
  const data = new DataFolder(dataFolder);
  await data.open();
  try {
    const identity = data.identitySettings({ name: given.WATERSHED_CLUSTER_NAME, region: given.WATERSHED_REGION });
    await awaitServer('Postgres', given.DATABASE_URL.reveal(), 5432);
    await awaitServer('Redis', given.REDIS_URL.reveal(), 6379);
    const prepared = await prepare({
      dataFolder,
      adminUrl: given.DATABASE_URL.reveal(),
      databaseSecret: given.WATERSHED_DATABASE_SECRET.reveal(),
      redisUrl: given.REDIS_URL.reveal(),
      seeds: containers.map(({ name, service }) => ({ name, service })),
      // It runs at each `up`, also of a stack that is up.
      besideServices: true,
    });
    const dataVersion = await ownDataVersion();
    for (const container of containers) {
      await handOut(container);
      const settings = serviceEnv({
        services: [container.service],
        clusterId: prepared.clusterId,
        clusterName: identity.name,
        region: identity.region,
        dataFolder,
        redisUrl: given.REDIS_URL.reveal(),
        redisUrls: ownUrl(container, prepared.redisUrls),
        databaseUrls: prepared.databaseUrls,
        basePort,
        metricsPort,
        inherited: {},
      });
      const own = Object.entries({ ...settings, ...addresses(container) });
      await writeSettings(join(volumesFolder, container.name), {
        dataVersion,
        env: Object.fromEntries(own.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]))),
      });
    }
    const operator = join(volumesFolder, 'operator', 'sigil.json');
    const key = keyFileOf(dataFolder, 'operator');
    if (existsSync(key)) await keepPrivateFile(operator, readFileSync(key, 'utf8'));
    console.log(`cluster ${prepared.clusterId} is prepared; ${prepared.applied.length} migrations were applied`);
  } finally {
    data.unlock();
  }
}
