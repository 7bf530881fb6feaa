import type { ServiceName } from '#contracts';
import { type PortName, portOf } from './ports.js';

export interface ServiceEnvOptions {
  readonly services: readonly ServiceName[];
  readonly clusterId: string;
  readonly clusterName: string;
  readonly region: string;
  readonly dataFolder: string;
  readonly redisUrl: string;
  readonly databaseUrls: Readonly<Record<string, string>>;
  readonly basePort: number;
  readonly metricsPort: number;
  /** The process's own environment, from which operators' settings for the services are taken. */
  readonly inherited: NodeJS.ProcessEnv;
}

/** Which app's tables, and so which login, a service has. A runner has none: it may belong to another operator. */
const databaseOf: Partial<Record<ServiceName, string>> = {
  gateway: 'gateway',
  index: 'index',
  'pod-host': 'pod-host',
  orchestrator: 'compute',
  bridge: 'bridge',
  registry: 'registry',
  toll: 'toll',
  governance: 'governance',
};

export const envPrefix = (service: ServiceName): string => service.toUpperCase().replaceAll('-', '_');

/** The environment of one process: what its services need and no other service's secrets. */
export function serviceEnv(options: ServiceEnvOptions): NodeJS.ProcessEnv {
  const { DATABASE_URL: _admin, REDIS_URL: _redis, ...inherited } = options.inherited;
  const env: NodeJS.ProcessEnv = {
    WATERSHED_LOG_LEVEL: 'info',
    ...inherited,
    NODE_ENV: 'production',
    WATERSHED_CLUSTER_ID: options.clusterId,
    WATERSHED_CLUSTER_NAME: options.clusterName,
    WATERSHED_REGION: options.region,
    WATERSHED_DATA_DIR: options.dataFolder,
    WATERSHED_REDIS_URL: options.redisUrl,
    METRICS_PORT: String(options.metricsPort),
  };
  for (const service of options.services) {
    const prefix = envPrefix(service);
    env[`${prefix}_PORT`] = String(portOf(service as PortName, options.basePort));
    const database = databaseOf[service];
    if (database) env[`${prefix}_DATABASE_URL`] = options.databaseUrls[database];
  }
  return env;
}
