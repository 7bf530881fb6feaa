import { setTimeout as delay } from 'node:timers/promises';
import type { Env } from '#config';
import { modelsChanged } from '#contracts';
import { toWireError } from '#errors';
import { ClusterNode, type RunningApp, type Surroundings, startNodeApp } from '#node';
import { openDatabase } from '#persistence';
import { regionCovers } from '#policy';
import { createLogger, createMetrics, nestLogger } from '#telemetry';
import { orchestratorConfig } from './config.js';
import { orchestratorModule } from './orchestrator.module.js';
import { BusRegistry, BusRunners } from './placement/bus.adapter.js';
import { PlacementEngine } from './placement/engine/placement-engine.js';
import { PlacementProcessor } from './placement/placement.processor.js';
import { SqlPlacementRepository } from './placement/placement.repository.js';
import { Reconciler } from './placement/reconciler.js';
import { IndexedRunners } from './placement/runner-directory.adapter.js';

const poolSize = 3;
// A runner answers a load after three seconds at the latest, so an advance asks about ten times before its job ends.
const advanceMs = 30_000;
const pauseMs = 200;
const settleMs = 50;
const reviewEveryMs = 60_000;

/** Starts an orchestrator: wishes in, placements out, and whatever is lost on the way found again. */
export async function startOrchestrator(env: Env, surroundings: Surroundings = {}): Promise<RunningApp> {
  const config = orchestratorConfig(env);
  const logger = createLogger({ service: 'orchestrator', level: config.logLevel });
  const metrics = createMetrics('orchestrator');
  const node = await ClusterNode.prepare({
    env,
    services: ['orchestrator'],
    types: ['core'],
    load: () => ({ inFlight: 0, capacity: 1_000 }),
    logger,
    metrics,
    neighbours: surroundings.neighbours,
  });
  const database = await openDatabase({
    url: config.databaseUrl.reveal(),
    applicationName: 'watershed-orchestrator',
    poolSize,
  });
  const placements = new SqlPlacementRepository(database);
  metrics.gauge('placements', 'Placements by what is wished and what is', ['wanted', 'state'], async (gauge) => {
    const rows = await placements.all();
    gauge.reset();
    // The one that is watched is there from the start: what was never seen cannot be compared.
    gauge.set({ wanted: 'loaded', state: 'ready' }, 0);
    for (const { wanted, state } of rows) gauge.inc({ wanted, state });
  });
  const processor = new PlacementProcessor({
    redisUrl: config.redisUrl.reveal(),
    clusterId: config.clusterId,
    concurrency: config.concurrency,
    sameWithinMs: 1_000,
    logger,
    metrics,
  });
  const engine = new PlacementEngine({
    placements,
    runners: new IndexedRunners(node.directory),
    runner: new BusRunners(node.bus),
    registry: new BusRegistry(node.bus),
    queue: processor,
    covers: regionCovers,
    limits: { stuckAfterMs: config.stuckAfterMs, heartbeatGraceMs: config.heartbeatGraceMs },
    advanceMs,
    pauseMs,
    reviewEveryMs,
    wait: (ms) => delay(ms),
    now: () => performance.now(),
  });
  const reconciler = new Reconciler({
    engine,
    intervalMs: config.reconcileIntervalMs,
    settleMs,
    onError: (error) => logger.warn({ code: toWireError(error).code, err: error }, 'a look at the placements failed'),
  });
  const stopWatching = node.directory.onChange(({ entry }) => {
    if (entry?.manifest.services.includes('runner')) reconciler.nudge();
  });
  const stopListening = node.bus.on(modelsChanged, ({ name, version, review }) => {
    if (review === 'approved' || review === 'submitted') return;
    engine
      .withdraw(name, version)
      .catch((error: unknown) => logger.warn({ model: name, version, err: error }, 'a version was not taken back'));
  });
  return startNodeApp({
    name: 'orchestrator',
    node,
    module: orchestratorModule({ engine, placements }),
    registry: metrics.registry,
    nestLogger: nestLogger(logger),
    joinWith: () => ({ index: surroundings.index }),
    onStarted: async () => {
      await processor.start((placementId) => engine.advance(placementId));
      reconciler.start();
    },
    onDrain: async () => {
      stopWatching();
      stopListening();
      await reconciler.close();
      await processor.close();
    },
    onClose: async () => {
      await reconciler.close();
      await processor.close();
      await database.close();
    },
  });
}
