import { join } from 'node:path';
import { z } from 'zod';
import {
  type CommonConfig,
  ConfigError,
  common,
  type Env,
  flag,
  parseEnv,
  port,
  postgresUrl,
  refusePlain,
  type Secret,
  wholeNumber,
} from '#config';
import { secretKeyFileOf } from '#sigil';
import { CertificateError, readCertificate, type ServerCertificate } from '#tls';

const oidcIssuers = z
  .string()
  .default('[]')
  .transform((text, context) => {
    try {
      return JSON.parse(text) as unknown;
    } catch {
      context.addIssue({ code: 'custom', message: 'must be a JSON list of {issuer, jwksUri, audience}' });
      return z.NEVER;
    }
  })
  .pipe(z.array(z.strictObject({ issuer: z.url(), jwksUri: z.url(), audience: z.string().min(1) })).max(16));

const list = z
  .string()
  .default('')
  .transform((text) => text.split(',').flatMap((part) => part.trim() || []));

export const signUpModes = ['open', 'invitation', 'closed'] as const;
export type SignUpMode = (typeof signUpModes)[number];

const shape = {
  GATEWAY_HOST: z.string().min(1).default('127.0.0.1'),
  GATEWAY_PORT: port().default(0),
  /** PEM files: the gateway then speaks HTTPS, and nothing else. */
  GATEWAY_TLS_CERT_FILE: z.string().min(1).optional(),
  GATEWAY_TLS_KEY_FILE: z.string().min(1).optional(),
  /** Its HTTP is reached by a proxy alone, which speaks TLS to everybody else. */
  GATEWAY_BEHIND_TLS_PROXY: flag().default(false),
  /** Where a container engine publishes it; GATEWAY_HOST is then an address inside the container. */
  GATEWAY_PUBLISHED_ADDRESS: z.string().min(1).optional(),
  /** How people reach this gateway, when not `http://host:port`. */
  GATEWAY_PUBLIC_URL: z.url().optional(),
  GATEWAY_DATABASE_URL: postgresUrl(),
  GATEWAY_OPERATOR_KEY_FILE: z.string().min(1).optional(),
  /** The key that wraps people's keys; in the data folder when absent. Never beside the database's backups. */
  GATEWAY_KEK_FILE: z.string().min(1).optional(),
  GATEWAY_OIDC_ISSUERS: oidcIssuers,
  GATEWAY_CORS_ORIGINS: list,
  /** Trust X-Forwarded-For of a proxy in front: its addresses or ranges. Nobody's by default. */
  GATEWAY_TRUSTED_PROXIES: list,
  GATEWAY_JSON_BODY_BYTES: wholeNumber(1_024, 64 * 2 ** 20).default(2 ** 20),
  GATEWAY_TENSOR_BODY_BYTES: wholeNumber(1_024, 2 ** 30).default(32 * 2 ** 20),
  GATEWAY_BLOB_BYTES: wholeNumber(1_024, 2 ** 40).default(4 * 2 ** 30),
  GATEWAY_RESOURCE_BYTES: wholeNumber(1_024, 2 ** 40).default(2 ** 30),
  GATEWAY_BODY_TIMEOUT_MS: wholeNumber(100, 3_600_000).default(30_000),
  GATEWAY_INFERENCE_TIMEOUT_MS: wholeNumber(100, 600_000).default(30_000),
  GATEWAY_RATE_WINDOW_MS: wholeNumber(100, 3_600_000).default(60_000),
  GATEWAY_RATE_PER_PERSON: wholeNumber(1, 1_000_000_000).default(6_000),
  GATEWAY_RATE_PER_ADDRESS: wholeNumber(1, 1_000_000_000).default(600),
  /** Attempts to get an account back, an address and window. */
  GATEWAY_RATE_RECOVERIES: wholeNumber(1, 1_000_000_000).default(20),
  GATEWAY_TOKEN_SECONDS: wholeNumber(10, 86_400).default(900),
  GATEWAY_BLOCK_REQUESTS: wholeNumber(1, 100_000).default(64),
  GATEWAY_BLOCK_IDLE_MS: wholeNumber(100, 600_000).default(10_000),
  /** How long the gateway goes on taking requests after it said that it is not ready, for a balancer to notice. */
  GATEWAY_DRAIN_NOTICE_MS: wholeNumber(0, 600_000).default(0),
  GATEWAY_DRAIN_LIMIT_MS: wholeNumber(100, 600_000).default(30_000),
  GATEWAY_IDEMPOTENCY_HOURS: wholeNumber(1, 24 * 90).default(24),
  /** Who may sign up: anyone, who brings an operator's invitation, or nobody. */
  GATEWAY_SIGN_UP: z.enum(signUpModes).default('open'),
};

export interface OidcIssuer {
  readonly issuer: string;
  readonly jwksUri: string;
  readonly audience: string;
}

export interface GatewayConfig extends CommonConfig {
  readonly host: string;
  readonly port: number;
  readonly publicUrl?: string;
  /** Absent: it speaks HTTP. */
  readonly tls?: ServerCertificate;
  readonly databaseUrl: Secret;
  readonly operatorKeyFile: string;
  readonly kekFile: string;
  readonly oidcIssuers: readonly OidcIssuer[];
  readonly corsOrigins: readonly string[];
  readonly trustedProxies: readonly string[];
  readonly limits: {
    readonly jsonBytes: number;
    readonly tensorBytes: number;
    readonly blobBytes: number;
    readonly resourceBytes: number;
    readonly bodyTimeoutMs: number;
    readonly inferenceTimeoutMs: number;
  };
  readonly rate: {
    readonly windowMs: number;
    readonly perPerson: number;
    readonly perAddress: number;
    readonly recoveries: number;
  };
  readonly tokenSeconds: number;
  readonly budget: { readonly requestsPerBlock: number; readonly idleMs: number };
  readonly drain: { readonly noticeMs: number; readonly limitMs: number };
  readonly idempotencyHours: number;
  readonly signUp: SignUpMode;
}

export const GATEWAY_CONFIG = Symbol('GATEWAY_CONFIG');

function certificateOf(certFile: string | undefined, keyFile: string | undefined): ServerCertificate | undefined {
  if (certFile === undefined && keyFile === undefined) return undefined;
  try {
    return readCertificate(certFile ?? keyFile ?? '', keyFile ?? certFile ?? '');
  } catch (error) {
    const message = error instanceof CertificateError ? error.message : 'cannot be read';
    throw new ConfigError('gateway', [{ variable: 'GATEWAY_TLS_CERT_FILE, GATEWAY_TLS_KEY_FILE', message }]);
  }
}

const plainAbroad = (own: { readonly GATEWAY_PUBLISHED_ADDRESS?: string | undefined }): ConfigError =>
  new ConfigError('gateway', [
    {
      variable: own.GATEWAY_PUBLISHED_ADDRESS === undefined ? 'GATEWAY_HOST' : 'GATEWAY_PUBLISHED_ADDRESS',
      message:
        'would take keys and content in plain text off this machine: name GATEWAY_TLS_CERT_FILE and GATEWAY_TLS_KEY_FILE, ' +
        'or set GATEWAY_BEHIND_TLS_PROXY=true where only a proxy that speaks TLS can reach it',
    },
  ]);

/** Settings of the gateway. Throws ConfigError. */
export function gatewayConfig(env: Env): GatewayConfig {
  const shared = common(env);
  const own = parseEnv(z.object(shape), env, 'gateway');
  // Who changes these keys on their way signs in as anybody.
  for (const { jwksUri } of own.GATEWAY_OIDC_ISSUERS)
    refusePlain('gateway', 'GATEWAY_OIDC_ISSUERS', jwksUri, shared.network);
  const tls = certificateOf(own.GATEWAY_TLS_CERT_FILE, own.GATEWAY_TLS_KEY_FILE);
  const reachedAt = own.GATEWAY_PUBLISHED_ADDRESS ?? own.GATEWAY_HOST;
  if (!tls && !own.GATEWAY_BEHIND_TLS_PROXY && !shared.network.has(reachedAt)) throw plainAbroad(own);
  return {
    ...shared,
    host: own.GATEWAY_HOST,
    port: own.GATEWAY_PORT,
    publicUrl: own.GATEWAY_PUBLIC_URL,
    ...(tls ? { tls } : {}),
    databaseUrl: own.GATEWAY_DATABASE_URL,
    operatorKeyFile: own.GATEWAY_OPERATOR_KEY_FILE ?? join(shared.dataDir, 'operator', 'api-key'),
    kekFile: own.GATEWAY_KEK_FILE ?? secretKeyFileOf(shared.dataDir, 'kek'),
    oidcIssuers: own.GATEWAY_OIDC_ISSUERS,
    corsOrigins: own.GATEWAY_CORS_ORIGINS,
    trustedProxies: own.GATEWAY_TRUSTED_PROXIES,
    limits: {
      jsonBytes: own.GATEWAY_JSON_BODY_BYTES,
      tensorBytes: own.GATEWAY_TENSOR_BODY_BYTES,
      blobBytes: own.GATEWAY_BLOB_BYTES,
      resourceBytes: own.GATEWAY_RESOURCE_BYTES,
      bodyTimeoutMs: own.GATEWAY_BODY_TIMEOUT_MS,
      inferenceTimeoutMs: own.GATEWAY_INFERENCE_TIMEOUT_MS,
    },
    rate: {
      windowMs: own.GATEWAY_RATE_WINDOW_MS,
      perPerson: own.GATEWAY_RATE_PER_PERSON,
      perAddress: own.GATEWAY_RATE_PER_ADDRESS,
      recoveries: own.GATEWAY_RATE_RECOVERIES,
    },
    tokenSeconds: own.GATEWAY_TOKEN_SECONDS,
    budget: { requestsPerBlock: own.GATEWAY_BLOCK_REQUESTS, idleMs: own.GATEWAY_BLOCK_IDLE_MS },
    drain: { noticeMs: own.GATEWAY_DRAIN_NOTICE_MS, limitMs: own.GATEWAY_DRAIN_LIMIT_MS },
    idempotencyHours: own.GATEWAY_IDEMPOTENCY_HOURS,
    signUp: own.GATEWAY_SIGN_UP,
  };
}
