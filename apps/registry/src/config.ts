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

const gibibyte = 1024 ** 3;
const hourMs = 3_600_000;

const registryEnv = z.object({
  ...commonEnvShape,
  REGISTRY_HOST: z.string().min(1).default('127.0.0.1'),
  REGISTRY_PORT: port().default(0),
  /** Where the other services of the cluster reach it, when not at the address it listens on. */
  REGISTRY_PUBLIC_URL: z.url({ protocol: /^https?$/ }).optional(),
  REGISTRY_DATABASE_URL: postgresUrl(),
  REGISTRY_MAX_BLOB_BYTES: wholeNumber(1, 64 * gibibyte).default(4 * gibibyte),
  /** How long an upload that broke may be gone on with. */
  REGISTRY_UPLOAD_TTL_MS: wholeNumber(60_000, 30 * 24 * hourMs).default(24 * hourMs),
  /** How often what is older than that is looked for. */
  REGISTRY_SWEEP_EVERY_MS: wholeNumber(100, 24 * hourMs).default(hourMs),
  /** A sender that is silent for longer has gone. */
  REGISTRY_UPLOAD_IDLE_MS: wholeNumber(100, hourMs).default(30_000),
});

export interface RegistryConfig extends CommonConfig {
  readonly host: string;
  readonly port: number;
  readonly publicUrl?: string;
  readonly databaseUrl: Secret;
  readonly maxBlobBytes: number;
  readonly uploadTtlMs: number;
  readonly sweepEveryMs: number;
  readonly uploadIdleMs: number;
}

/** The settings of registry. Throws ConfigError. */
export function registryConfig(env: Env): RegistryConfig {
  const parsed = parseEnv(registryEnv, env, 'registry');
  return {
    ...common(env),
    host: parsed.REGISTRY_HOST,
    port: parsed.REGISTRY_PORT,
    ...(parsed.REGISTRY_PUBLIC_URL ? { publicUrl: parsed.REGISTRY_PUBLIC_URL.replace(/\/+$/, '') } : {}),
    databaseUrl: parsed.REGISTRY_DATABASE_URL,
    maxBlobBytes: parsed.REGISTRY_MAX_BLOB_BYTES,
    uploadTtlMs: parsed.REGISTRY_UPLOAD_TTL_MS,
    sweepEveryMs: parsed.REGISTRY_SWEEP_EVERY_MS,
    uploadIdleMs: parsed.REGISTRY_UPLOAD_IDLE_MS,
  };
}
