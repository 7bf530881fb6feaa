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

const minuteMs = 60_000;

const bridgeEnv = z.object({
  ...commonEnvShape,
  BRIDGE_HOST: z.string().min(1).default('127.0.0.1'),
  BRIDGE_PORT: port().default(0),
  /** What others of its own cluster reach it by, when not `http://host:port`. */
  BRIDGE_PUBLIC_URL: z.url({ protocol: /^https?$/ }).optional(),
  BRIDGE_DATABASE_URL: postgresUrl(),
  /** Where other clusters reach this one, separated by spaces; its own address when absent. */
  BRIDGE_PUBLIC_URLS: z
    .string()
    .transform((text) => text.split(/\s+/).filter((url) => url !== ''))
    .pipe(z.array(z.url({ protocol: /^https?$/ })).max(8))
    .optional(),
  /** How long a descriptor is valid; a new one is issued after half of it. */
  BRIDGE_DESCRIPTOR_TTL_MS: wholeNumber(minuteMs, 30 * 24 * 60 * minuteMs).default(24 * 60 * minuteMs),
});

export interface BridgeConfig extends CommonConfig {
  readonly host: string;
  readonly port: number;
  readonly publicUrl?: string;
  readonly databaseUrl: Secret;
  readonly publicUrls?: readonly string[];
  readonly descriptorTtlMs: number;
}

/** The settings of bridge. Throws ConfigError. */
export function bridgeConfig(env: Env): BridgeConfig {
  const parsed = parseEnv(bridgeEnv, env, 'bridge');
  return {
    ...common(env),
    host: parsed.BRIDGE_HOST,
    port: parsed.BRIDGE_PORT,
    ...(parsed.BRIDGE_PUBLIC_URL ? { publicUrl: new URL(parsed.BRIDGE_PUBLIC_URL).origin } : {}),
    databaseUrl: parsed.BRIDGE_DATABASE_URL,
    ...(parsed.BRIDGE_PUBLIC_URLS ? { publicUrls: parsed.BRIDGE_PUBLIC_URLS } : {}),
    descriptorTtlMs: parsed.BRIDGE_DESCRIPTOR_TTL_MS,
  };
}
