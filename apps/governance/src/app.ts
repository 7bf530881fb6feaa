import { readFile } from 'node:fs/promises';
import type { Env } from '#config';
import { type PublicJwk, publicJwk } from '#contracts';
import { ClusterNode, type JoinOptions, type RunningApp, startNodeApp } from '#node';
import { OutboxRelay, openDatabase } from '#persistence';
import { createLogger, createMetrics, nestLogger } from '#telemetry';
import { governanceConfig } from './config.js';
import { governanceModule } from './governance.module.js';
import { GovernanceEngine } from './membership/engine/governance-engine.js';

/** Starts governance: operators, and the membership of nodes. `join` names another way to the index than the bus. */
export async function startGovernance(env: Env, join: JoinOptions = {}): Promise<RunningApp> {
  const config = governanceConfig(env);
  const logger = createLogger({ service: 'governance', level: config.logLevel });
  const metrics = createMetrics('governance');
  const node = await ClusterNode.prepare({
    env,
    services: ['governance'],
    types: ['core'],
    load: () => ({ inFlight: 0, capacity: 1_000 }),
    logger,
    metrics,
  });
  const genesis = {
    key: await genesisKey(config.operatorPublicKeyFile, node.operatorKey),
    name: config.genesisOperatorName,
  };
  const database = await openDatabase({ url: config.databaseUrl.reveal(), applicationName: 'watershed-governance' });
  return startNodeApp({
    name: 'governance',
    node,
    module: governanceModule({ database, logger, metrics }),
    registry: metrics.registry,
    nestLogger: nestLogger(logger),
    joinWith: async (app) => {
      // Before anyone can ask: the index admits nodes of known operators only.
      const first = await app.get(GovernanceEngine, { strict: false }).begin(genesis);
      if (first) logger.info({}, 'the genesis operator is the first operator');
      return join;
    },
    onStarted: (app) => app.get(OutboxRelay, { strict: false }).start(),
    onDrain: (app) => app.get(OutboxRelay, { strict: false }).close(),
    onClose: () => database.close(),
  });
}

/** The named key, or the public part of the operator's key that this node's own manifest is signed with. */
async function genesisKey(file: string | undefined, own: PublicJwk): Promise<PublicJwk> {
  return file === undefined ? own : publicJwk.parse(JSON.parse(await readFile(file, 'utf8')));
}
