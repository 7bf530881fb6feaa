import { readFile } from 'node:fs/promises';
import type { Env } from '#config';
import { type PublicJwk, publicJwk } from '#contracts';
import { ClusterNode, type IndexPort, type RunningApp, type Surroundings, startNodeApp } from '#node';
import { openDatabase } from '#persistence';
import { createLogger, createMetrics, nestLogger } from '#telemetry';
import { indexConfig } from './config.js';
import { indexModule } from './index.module.js';
import { BusAnnouncer } from './nodes/announcer.adapter.js';
import { IndexEngine } from './nodes/engine/index-engine.js';
import { NodeRepository } from './nodes/node.repository.js';
import { observeNodes } from './nodes/nodes.metrics.js';
import { NodesProcessor } from './nodes/nodes.processor.js';

/** Starts an instance of the index; several may share one Postgres and one Redis. */
export async function startIndex(env: Env, surroundings: Surroundings = {}): Promise<RunningApp> {
  const config = indexConfig(env);
  const metrics = createMetrics('index');
  const log = createLogger({ service: 'index', level: config.logLevel });
  const node = await ClusterNode.prepare({
    env,
    services: ['index'],
    types: ['index'],
    logger: log,
    metrics,
    neighbours: surroundings.neighbours,
  });
  const database = await openDatabase({ url: config.databaseUrl.reveal(), applicationName: 'watershed-index' });
  const genesisOperator = await genesisKey(config.operatorPublicKeyFile, node.operatorKey);
  let processor: NodesProcessor | undefined;
  return startNodeApp({
    name: 'index',
    node,
    module: indexModule({ config, database, genesisOperator, log }),
    registry: metrics.registry,
    nestLogger: nestLogger(log),
    joinWith: async (app) => {
      observeNodes(metrics, app.get(IndexEngine));
      await app.get(NodeRepository).initialise();
      return { index: inProcess(app.get(IndexEngine), app.get(BusAnnouncer), node.nodeId) };
    },
    onStarted: async (app) => {
      const started = app.get(NodesProcessor);
      processor = started;
      await started.start();
    },
    onDrain: async () => processor?.stop(),
    onClose: async () => {
      await processor?.stop();
      await database.close();
    },
  });
}

/** An index's own node joins, beats and leaves through the same engine as all others, without a call to itself. */
function inProcess(engine: IndexEngine, announcer: BusAnnouncer, nodeId: string): IndexPort {
  return {
    join: (manifest) => engine.join(nodeId, manifest),
    changes: (since) => engine.stored(since),
    leave: (health) => engine.leave(nodeId, health),
    heard: ({ load, models }) => engine.heard(nodeId, load, models),
    onChange: (nudge) => announcer.onChange(nudge),
  };
}

async function genesisKey(file: string | undefined, own: PublicJwk): Promise<PublicJwk> {
  return file === undefined ? own : publicJwk.parse(JSON.parse(await readFile(file, 'utf8')));
}
