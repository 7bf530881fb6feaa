import type { ServiceName } from '#contracts';
import { envPrefix } from './env-prefix.js';
import type { DatabaseUrls } from './initialise.js';
import { type PortName, portOf } from './ports.js';

export interface ServiceEnvOptions {
  readonly services: readonly ServiceName[];
  readonly clusterId: string;
  readonly clusterName: string;
  readonly region: string;
  readonly dataFolder: string;
  /** The login that manages Redis's users: governance's alone, unless all nodes share it. */
  readonly redisUrl: string;
  /** Each service's own; none where they share one. */
  readonly redisUrls: Readonly<Record<string, string>>;
  readonly databaseUrls: DatabaseUrls;
  readonly basePort: number;
  readonly metricsPort: number;
  /** The process's own environment, from which operators' settings for the services are taken. */
  readonly inherited: NodeJS.ProcessEnv;
}

/** How long a process may take to finish what is in flight: the gateway's longest request is shorter. */
export const drainTimeoutMs = 32_000;

/** The environment of one process: what its services need and no other service's secrets. */
export function serviceEnv(options: ServiceEnvOptions): NodeJS.ProcessEnv {
  const { DATABASE_URL: _admin, REDIS_URL: _redis, ...inherited } = options.inherited;
  const env: NodeJS.ProcessEnv = {
    WATERSHED_LOG_LEVEL: 'info',
    WATERSHED_DRAIN_TIMEOUT_MS: String(drainTimeoutMs),
    ...inherited,
    NODE_ENV: 'production',
    WATERSHED_CLUSTER_ID: options.clusterId,
    WATERSHED_CLUSTER_NAME: options.clusterName,
    WATERSHED_REGION: options.region,
    WATERSHED_DATA_DIR: options.dataFolder,
    METRICS_PORT: String(options.metricsPort),
  };
  if (Object.keys(options.redisUrls).length === 0) env.WATERSHED_REDIS_URL = options.redisUrl;
  else if (options.services.includes('governance')) env.GOVERNANCE_REDIS_ADMIN_URL = options.redisUrl;
  for (const service of options.services) {
    const prefix = envPrefix(service);
    const redisUrl = options.redisUrls[service];
    if (redisUrl) env[`${prefix}_REDIS_URL`] = redisUrl;
    env[`${prefix}_PORT`] = String(portOf(service as PortName, options.basePort));
    const databaseUrl = options.databaseUrls[service];
    if (databaseUrl) env[`${prefix}_DATABASE_URL`] = databaseUrl;
  }
  return env;
}
