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

const orchestratorEnv = z.object({
  ...commonEnvShape,
  ORCHESTRATOR_DATABASE_URL: postgresUrl(),
  /** Between two looks at everything; changes of the cluster cause one at once. */
  ORCHESTRATOR_RECONCILE_INTERVAL_MS: wholeNumber(1_000, 600_000).default(2_000),
  /** A placement under way that has not moved for so long is asked for again. */
  ORCHESTRATOR_STUCK_AFTER_MS: wholeNumber(100, 600_000).default(20_000),
  /** How long after it became ready a model may be missing in its runner's heartbeat. */
  ORCHESTRATOR_HEARTBEAT_GRACE_MS: wholeNumber(100, 600_000).default(1_000),
  /** Placements brought forward at once. */
  ORCHESTRATOR_CONCURRENCY: wholeNumber(1, 256).default(8),
});

export interface OrchestratorConfig extends CommonConfig {
  readonly databaseUrl: Secret;
  readonly reconcileIntervalMs: number;
  readonly stuckAfterMs: number;
  readonly heartbeatGraceMs: number;
  readonly concurrency: number;
}

/** The settings of an orchestrator. Throws ConfigError. */
export function orchestratorConfig(env: Env): OrchestratorConfig {
  const parsed = parseEnv(orchestratorEnv, env, 'orchestrator');
  return {
    ...common(env),
    databaseUrl: parsed.ORCHESTRATOR_DATABASE_URL,
    reconcileIntervalMs: parsed.ORCHESTRATOR_RECONCILE_INTERVAL_MS,
    stuckAfterMs: parsed.ORCHESTRATOR_STUCK_AFTER_MS,
    heartbeatGraceMs: parsed.ORCHESTRATOR_HEARTBEAT_GRACE_MS,
    concurrency: parsed.ORCHESTRATOR_CONCURRENCY,
  };
}
