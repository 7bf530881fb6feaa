import { z } from 'zod';
import {
  type CommonConfig,
  common,
  commonEnvShape,
  type Env,
  NodeRanges,
  nodeRangesShape,
  parseEnv,
  postgresUrl,
  redisUrl,
  type Secret,
} from '#config';

const governanceEnv = z.object({
  ...commonEnvShape,
  ...nodeRangesShape,
  GOVERNANCE_DATABASE_URL: postgresUrl(),
  /** The genesis operator's public key as a JWK; absent: the public part of this node's own operator key. */
  WATERSHED_OPERATOR_PUBLIC_KEY_FILE: z.string().min(1).optional(),
  /** The one login that manages Redis's users; absent: the nodes share one, and nobody joins by ticket. */
  GOVERNANCE_REDIS_ADMIN_URL: redisUrl().optional(),
  /** Where nodes that join by ticket reach Redis and Postgres, when not where governance does. */
  GOVERNANCE_REDIS_PUBLIC_URL: redisUrl().optional(),
  GOVERNANCE_DATABASE_PUBLIC_URL: postgresUrl().optional(),
  GOVERNANCE_GENESIS_OPERATOR_NAME: z.string().min(1).max(80).default('genesis operator'),
});

export interface GovernanceConfig extends CommonConfig {
  readonly databaseUrl: Secret;
  readonly redisAdminUrl: Secret | undefined;
  readonly redisPublicUrl: Secret | undefined;
  readonly databasePublicUrl: Secret | undefined;
  readonly operatorPublicKeyFile: string | undefined;
  readonly genesisOperatorName: string;
  readonly nodeRanges: NodeRanges;
}

/** The settings of governance. Throws ConfigError. */
export function governanceConfig(env: Env): GovernanceConfig {
  const parsed = parseEnv(governanceEnv, env, 'governance');
  const shared = common(env);
  return {
    ...shared,
    nodeRanges: new NodeRanges(shared.network, parsed.WATERSHED_NODE_RANGES),
    databaseUrl: parsed.GOVERNANCE_DATABASE_URL,
    redisAdminUrl: parsed.GOVERNANCE_REDIS_ADMIN_URL,
    redisPublicUrl: parsed.GOVERNANCE_REDIS_PUBLIC_URL,
    databasePublicUrl: parsed.GOVERNANCE_DATABASE_PUBLIC_URL,
    operatorPublicKeyFile: parsed.WATERSHED_OPERATOR_PUBLIC_KEY_FILE,
    genesisOperatorName: parsed.GOVERNANCE_GENESIS_OPERATOR_NAME,
  };
}
