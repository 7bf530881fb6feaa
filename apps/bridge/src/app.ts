import type { Env } from '#config';
import { ClusterNode, type RunningApp, type Surroundings, startNodeApp } from '#node';
import { openDatabase } from '#persistence';
import { delegationFileOf, KeyFileError, keyFileOf, loadSigil, readDelegation } from '#sigil';
import { createLogger, createMetrics, nestLogger } from '#telemetry';
import { BridgeModule } from './bridge.module.js';
import { bridgeConfig } from './config.js';
import { DescriptorEngine } from './identity/engine/descriptor-engine.js';
import { ProblemFilter } from './identity/problem.filter.js';

/** Starts the bridge: the cluster's identity and descriptor. */
export async function startBridge(env: Env, surroundings: Surroundings = {}): Promise<RunningApp> {
  const config = bridgeConfig(env);
  const logger = createLogger({ service: 'bridge', level: config.logLevel });
  const metrics = createMetrics('bridge');
  const delegation = await readDelegation(config.dataDir);
  if (!delegation) throw new KeyFileError('missing', `There is no delegation ${delegationFileOf(config.dataDir)}.`);
  if (delegation.clusterId !== config.clusterId) {
    throw new KeyFileError('mismatch', `${delegationFileOf(config.dataDir)} is of another cluster than this one.`);
  }
  const sigil = await loadSigil(keyFileOf(config.dataDir, 'descriptor'), 'descriptor');
  const node = await ClusterNode.prepare({
    env,
    services: ['bridge'],
    types: ['bridge'],
    purposeKeys: [{ purpose: 'descriptor', key: sigil.publicJwk }],
    load: () => ({ inFlight: 0, capacity: 1_000 }),
    logger,
    metrics,
    neighbours: surroundings.neighbours,
  });
  const database = await openDatabase({
    url: config.databaseUrl.reveal(),
    applicationName: 'watershed-bridge',
    poolSize: 2,
  });
  return startNodeApp({
    name: 'bridge',
    node,
    module: BridgeModule.with({ config, database, sigil, delegation, logger, metrics }),
    registry: metrics.registry,
    nestLogger: nestLogger(logger),
    http: {
      host: config.host,
      port: config.port,
      ...(config.publicUrl ? { publicUrl: config.publicUrl } : {}),
      bodyLimitBytes: 1024,
      configure: (app) => void app.useGlobalFilters(new ProblemFilter()),
    },
    // Issued before the first question: a cluster that cannot sign what it is should say so at its start.
    joinWith: async (app) => {
      await app.get(DescriptorEngine, { strict: false }).refresh();
      return { index: surroundings.index };
    },
    onClose: () => database.close(),
  });
}
