import { z } from 'zod';
import {
  type CommonConfig,
  common,
  commonEnvShape,
  type Env,
  parseEnv,
  postgresUrl,
  type Secret,
  wholeNumber,
} from '#config';
import { asset } from '#contracts';
import type { AllowanceRules } from './allowance/engine/allowance.ports.js';

/** A whole number of micro-units, as in the contracts. */
const micro = () =>
  z
    .string()
    .regex(/^(0|[1-9][0-9]{0,14})$/)
    .transform((text) => BigInt(text));

const tollEnv = z.object({
  ...commonEnvShape,
  TOLL_DATABASE_URL: postgresUrl(),
  /** The unit of account at home. */
  TOLL_ASSET: asset.default('drop'),
  /** What a new person starts with: 1 drop, some eight thousand short texts at the starting price. */
  TOLL_OPENING_BALANCE_MICRO: micro().default(1_000_000n),
  /** What one day gives, all together, to people whose purse is empty: by default some eight thousand short texts. */
  TOLL_ALLOWANCE_POOL_MICRO: micro().default(1_000_000n),
  /** The pool is divided by at least this many, and by as many as had some of it the day before. */
  TOLL_ALLOWANCE_LEAST_SHARERS: wholeNumber(1, 1_000_000_000).default(100),
  /** How long a gateway may be silent before its budget blocks are posted and given back. */
  TOLL_BLOCK_TTL_MS: wholeNumber(1_000, 3_600_000).default(60_000),
  /** Usage gathers this long before the ledger moves; a statement shows it as unposted until then. */
  TOLL_POST_DELAY_MS: wholeNumber(10, 900).default(500),
  /** How often expiry is looked for, and usage that a replica which died left unposted. */
  TOLL_SWEEP_INTERVAL_MS: wholeNumber(1_000, 60_000).default(1_000),
  /** Prices of the first list; later ones are set by an operator. */
  TOLL_DEFAULT_BASE_MICRO: micro().default(100n),
  TOLL_DEFAULT_PER_KIB_MICRO: micro().default(20n),
});

export interface TollConfig extends CommonConfig {
  readonly databaseUrl: Secret;
  readonly asset: string;
  readonly openingBalanceMicro: bigint;
  readonly allowance: AllowanceRules;
  readonly blockTtlMs: number;
  readonly postDelayMs: number;
  readonly sweepIntervalMs: number;
  readonly defaultPrice: { readonly baseMicro: bigint; readonly perKibMicro: bigint };
}

/** The settings of toll. Throws ConfigError. */
export function tollConfig(env: Env): TollConfig {
  const parsed = parseEnv(tollEnv, env, 'toll');
  return {
    ...common(env),
    databaseUrl: parsed.TOLL_DATABASE_URL,
    asset: parsed.TOLL_ASSET,
    openingBalanceMicro: parsed.TOLL_OPENING_BALANCE_MICRO,
    allowance: { poolMicro: parsed.TOLL_ALLOWANCE_POOL_MICRO, leastSharers: parsed.TOLL_ALLOWANCE_LEAST_SHARERS },
    blockTtlMs: parsed.TOLL_BLOCK_TTL_MS,
    postDelayMs: parsed.TOLL_POST_DELAY_MS,
    sweepIntervalMs: parsed.TOLL_SWEEP_INTERVAL_MS,
    defaultPrice: { baseMicro: parsed.TOLL_DEFAULT_BASE_MICRO, perKibMicro: parsed.TOLL_DEFAULT_PER_KIB_MICRO },
  };
}
