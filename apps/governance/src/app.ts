import { readFile } from 'node:fs/promises';
import type { Env } from '#config';
import { type PublicJwk, publicJwk } from '#contracts';
import { ClusterNode, type RunningApp, type Surroundings, startNodeApp } from '#node';
import { OutboxRelay, openDatabase } from '#persistence';
import { thumbprintOf } from '#sigil';
import { createLogger, createMetrics, nestLogger } from '#telemetry';
import { observeAccess } from './access/access.metrics.js';
import { AccessRepository } from './access/access.repository.js';
import { SqlDatabaseLogins } from './access/database-logins.adapter.js';
import { rebuildLogins } from './access/engine/rebuild-logins.js';
import { RedisLoginsAdapter } from './access/redis-logins.adapter.js';
import { governanceConfig } from './config.js';
import { governanceModule } from './governance.module.js';
import { GovernanceEngine } from './membership/engine/governance-engine.js';

/** Starts governance: operators, and the membership of nodes. */
export async function startGovernance(env: Env, surroundings: Surroundings = {}): Promise<RunningApp> {
  const config = governanceConfig(env);
  const logger = createLogger({ service: 'governance', level: config.logLevel });
  const metrics = createMetrics('governance');
  const database = await openDatabase({ url: config.databaseUrl.reveal(), applicationName: 'watershed-governance' });
  const redisLogins = new RedisLoginsAdapter({
    adminUrl: config.redisAdminUrl?.reveal(),
    publicUrl: config.redisPublicUrl?.reveal(),
    clusterId: config.clusterId,
  });
  const access = {
    store: new AccessRepository(database),
    redis: redisLogins,
    database: new SqlDatabaseLogins(database, (config.databasePublicUrl ?? config.databaseUrl).reveal()),
    ...(config.caFile ? { authority: await readFile(config.caFile, 'utf8') } : {}),
  };
  const closeStorage = () => {
    redisLogins.close();
    return database.close();
  };
  let node: ClusterNode;
  try {
    // Before this node's own login is needed: a Redis that was started again has forgotten it as all others.
    await redisLogins.open(
      () => rebuildLogins(access),
      (err) => logger.warn({ err }, 'the Redis users could not be rebuilt and will be in a moment'),
    );
    observeAccess(metrics, access);
    if (redisLogins.unmanaged) logger.warn({ reason: redisLogins.unmanaged }, 'all nodes share one Redis login');
    node = await ClusterNode.prepare({
      env,
      services: ['governance'],
      types: ['core'],
      load: () => ({ inFlight: 0, capacity: 1_000 }),
      logger,
      metrics,
      neighbours: surroundings.neighbours,
    });
  } catch (error) {
    await closeStorage();
    throw error;
  }
  const genesis = {
    key: await genesisKey(config.operatorPublicKeyFile, node.operatorKey),
    name: config.genesisOperatorName,
  };
  return startNodeApp({
    name: 'governance',
    node,
    module: governanceModule({
      database,
      clusterId: config.clusterId,
      nodeRanges: config.nodeRanges,
      genesisOperatorId: thumbprintOf(genesis.key),
      access,
      logger,
      metrics,
    }),
    registry: metrics.registry,
    nestLogger: nestLogger(logger),
    joinWith: async (app) => {
      // Before anyone can ask: the index admits nodes of known operators only.
      const first = await app.get(GovernanceEngine, { strict: false }).begin(genesis);
      if (first) logger.info({}, 'the genesis operator is the first operator');
      return { index: surroundings.index };
    },
    onStarted: (app) => app.get(OutboxRelay, { strict: false }).start(),
    onDrain: (app) => app.get(OutboxRelay, { strict: false }).close(),
    onClose: closeStorage,
  });
}

/** The named key, or the public part of the operator's key that this node's own manifest is signed with. */
async function genesisKey(file: string | undefined, own: PublicJwk): Promise<PublicJwk> {
  return file === undefined ? own : publicJwk.parse(JSON.parse(await readFile(file, 'utf8')));
}
