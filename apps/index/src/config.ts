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
  type Secret,
  wholeNumber,
} from '#config';

const indexEnv = z.object({
  ...commonEnvShape,
  ...nodeRangesShape,
  INDEX_DATABASE_URL: postgresUrl(),
  /** How often nodes beat, and how often the index looks at them. */
  INDEX_HEARTBEAT_INTERVAL_MS: wholeNumber(100, 60_000).default(1_000),
  /** Silence after which a node is suspect. */
  INDEX_SUSPECT_AFTER_MS: wholeNumber(200, 600_000).default(3_000),
  /** Silence after which a suspect is dead. */
  INDEX_DEAD_AFTER_MS: wholeNumber(400, 3_600_000).default(10_000),
  /** How long the index remembers nodes that went, sleep or are dead. */
  INDEX_FORGET_AFTER_HOURS: wholeNumber(1, 24 * 365).default(24 * 7),
  /** The genesis operator's public key (a JWK); by default the one whose key signs this instance's own manifest. */
  WATERSHED_OPERATOR_PUBLIC_KEY_FILE: z.string().min(1).optional(),
});

export interface IndexConfig extends CommonConfig {
  readonly databaseUrl: Secret;
  readonly nodeRanges: NodeRanges;
  readonly heartbeatIntervalMs: number;
  readonly suspectAfterMs: number;
  readonly deadAfterMs: number;
  readonly forgetAfterMs: number;
  readonly operatorPublicKeyFile: string | undefined;
}

/** The settings of the index. Throws ConfigError. */
export function indexConfig(env: Env): IndexConfig {
  const ordered = indexEnv.refine(
    (each) =>
      each.INDEX_HEARTBEAT_INTERVAL_MS < each.INDEX_SUSPECT_AFTER_MS &&
      each.INDEX_SUSPECT_AFTER_MS < each.INDEX_DEAD_AFTER_MS,
    { path: ['INDEX_SUSPECT_AFTER_MS'], message: 'must lie between the heartbeat interval and INDEX_DEAD_AFTER_MS' },
  );
  const parsed = parseEnv(ordered, env, 'index');
  const shared = common(env);
  return {
    ...shared,
    nodeRanges: new NodeRanges(shared.network, parsed.WATERSHED_NODE_RANGES),
    databaseUrl: parsed.INDEX_DATABASE_URL,
    heartbeatIntervalMs: parsed.INDEX_HEARTBEAT_INTERVAL_MS,
    suspectAfterMs: parsed.INDEX_SUSPECT_AFTER_MS,
    deadAfterMs: parsed.INDEX_DEAD_AFTER_MS,
    forgetAfterMs: parsed.INDEX_FORGET_AFTER_HOURS * 3_600_000,
    operatorPublicKeyFile: parsed.WATERSHED_OPERATOR_PUBLIC_KEY_FILE,
  };
}
