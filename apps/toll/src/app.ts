import { join as pathOf } from 'node:path';
import type { Env } from '#config';
import { ClusterNode, type RunningApp, type Surroundings, startNodeApp } from '#node';
import { openDatabase } from '#persistence';
import { loadOrCreateSigil } from '#sigil';
import { createLogger, createMetrics, nestLogger } from '#telemetry';
import { tollConfig } from './config.js';
import { PostingSystem } from './ledger/engine/posting.system.js';
import { LedgerRepository } from './ledger/ledger.repository.js';
import { TollModule } from './toll.module.js';

// One for usage, one for posting, the rest for purses and statements.
const poolSize = 4;

/** Starts the toll: ledger, budget blocks, usage, prices. */
export async function startToll(env: Env, surroundings: Surroundings = {}): Promise<RunningApp> {
  const config = tollConfig(env);
  const logger = createLogger({ service: 'toll', level: config.logLevel });
  const metrics = createMetrics('toll');
  const priceSigil = await loadOrCreateSigil(pathOf(config.dataDir, 'keys', 'price.json'), 'price');
  const node = await ClusterNode.prepare({
    env,
    services: ['toll'],
    types: ['core'],
    purposeKeys: [{ purpose: 'price', key: priceSigil.publicJwk }],
    load: () => ({ inFlight: 0, capacity: 1_000 }),
    logger,
    metrics,
    neighbours: surroundings.neighbours,
  });
  const database = await openDatabase({
    url: config.databaseUrl.reveal(),
    applicationName: 'watershed-toll',
    poolSize,
  });
  const ledger = new LedgerRepository(database, node.tracing);
  return startNodeApp({
    name: 'toll',
    node,
    module: TollModule.with({ config, database, ledger, priceSigil, logger, metrics }),
    registry: metrics.registry,
    nestLogger: nestLogger(logger),
    joinWith: () => ({ index: surroundings.index }),
    onDrain: async (app) => {
      await ledger.close();
      await app.get(PostingSystem, { strict: false }).close();
    },
    onClose: () => database.close(),
  });
}
