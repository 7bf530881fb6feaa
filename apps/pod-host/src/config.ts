import { z } from 'zod';
import {
  type CommonConfig,
  common,
  commonEnvShape,
  type Env,
  parseEnv,
  port,
  postgresUrl,
  type Secret,
  wholeNumber,
} from '#config';
import { secretKeyFileOf } from '#sigil';

const podHostEnv = z.object({
  ...commonEnvShape,
  POD_HOST_DATABASE_URL: postgresUrl(),
  /** The key that wraps pods' keys; in the data folder when absent. Never beside the database's backups. */
  POD_HOST_KEK_FILE: z.string().min(1).optional(),
  /** How often what was left behind is looked for. */
  POD_HOST_SWEEP_EVERY_MS: wholeNumber(100, 86_400_000).default(3_600_000),
  POD_HOST_HOST: z.string().min(1).default('127.0.0.1'),
  /** Where it takes and gives content; 0 is any free one. */
  POD_HOST_PORT: port().default(0),
  /** What others reach it by, when not `http://host:port`. */
  POD_HOST_PUBLIC_URL: z.url().optional(),
  POD_HOST_MAX_RESOURCE_BYTES: wholeNumber(1, 2 ** 40).default(64 * 2 ** 20),
  /** All resources of one pod together. */
  POD_HOST_MAX_POD_BYTES: wholeNumber(1, 2 ** 50).default(2 ** 30),
  POD_HOST_MAX_PODS_PER_PERSON: wholeNumber(1, 100_000).default(100),
  /** From a request's first byte to its last. */
  POD_HOST_BODY_TIMEOUT_MS: wholeNumber(100, 3_600_000).default(300_000),
});

export interface PodHostConfig extends CommonConfig {
  readonly databaseUrl: Secret;
  readonly kekFile: string;
  readonly sweepEveryMs: number;
  readonly host: string;
  readonly port: number;
  readonly publicUrl: string | undefined;
  readonly maxResourceBytes: number;
  readonly maxPodBytes: number;
  readonly maxPodsPerPerson: number;
  readonly bodyTimeoutMs: number;
}

/** The settings of a pod host. Throws ConfigError. */
export function podHostConfig(env: Env): PodHostConfig {
  const parsed = parseEnv(podHostEnv, env, 'pod-host');
  const shared = common(env);
  return {
    ...shared,
    databaseUrl: parsed.POD_HOST_DATABASE_URL,
    kekFile: parsed.POD_HOST_KEK_FILE ?? secretKeyFileOf(shared.dataDir, 'pod-kek'),
    sweepEveryMs: parsed.POD_HOST_SWEEP_EVERY_MS,
    host: parsed.POD_HOST_HOST,
    port: parsed.POD_HOST_PORT,
    publicUrl: parsed.POD_HOST_PUBLIC_URL,
    maxResourceBytes: parsed.POD_HOST_MAX_RESOURCE_BYTES,
    maxPodBytes: parsed.POD_HOST_MAX_POD_BYTES,
    maxPodsPerPerson: parsed.POD_HOST_MAX_PODS_PER_PERSON,
    bodyTimeoutMs: parsed.POD_HOST_BODY_TIMEOUT_MS,
  };
}
