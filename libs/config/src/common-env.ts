import { z } from 'zod';
import { region, thumbprint } from '#contracts';
import type { InternalNetwork } from './internal-network.js';
import { type Env, parseEnv } from './parse-env.js';
import type { Secret } from './secret.js';
import { redisUrl, transportEnvShape } from './storage-url.js';

export const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

/** A TCP port; 0 is any free one. */
export const port = () => z.coerce.number().int().min(0).max(65_535);
/** `1`, `true`, `yes`, `on` and their opposites. */
export const flag = () => z.stringbool();
/** A whole number written in decimal, within bounds. */
export const wholeNumber = (min: number, max: number) => z.coerce.number().int().min(min).max(max);

/** What every app of a cluster is told. */
export const commonEnvShape = {
  WATERSHED_CLUSTER_ID: thumbprint,
  WATERSHED_CLUSTER_NAME: z.string().min(1).max(80),
  WATERSHED_REGION: region,
  WATERSHED_DATA_DIR: z.string().min(1),
  WATERSHED_REDIS_URL: redisUrl(),
  ...transportEnvShape,
  WATERSHED_LOG_LEVEL: z.enum(logLevels).default('info'),
};

export interface CommonConfig {
  readonly clusterId: string;
  readonly clusterName: string;
  readonly region: string;
  readonly dataDir: string;
  readonly redisUrl: Secret;
  /** Where plain text may travel. */
  readonly network: InternalNetwork;
  /** Authorities that vouch for Redis and Postgres. */
  readonly caFile?: string;
  readonly logLevel: LogLevel;
}

/** The settings that all apps share. Throws ConfigError. */
export function common(env: Env): CommonConfig {
  const parsed = parseEnv(z.object(commonEnvShape), env, 'the cluster');
  return {
    clusterId: parsed.WATERSHED_CLUSTER_ID,
    clusterName: parsed.WATERSHED_CLUSTER_NAME,
    region: parsed.WATERSHED_REGION,
    dataDir: parsed.WATERSHED_DATA_DIR,
    redisUrl: parsed.WATERSHED_REDIS_URL,
    network: parsed.WATERSHED_INTERNAL_NETWORK,
    ...(parsed.WATERSHED_CA_FILE ? { caFile: parsed.WATERSHED_CA_FILE } : {}),
    logLevel: parsed.WATERSHED_LOG_LEVEL,
  };
}
