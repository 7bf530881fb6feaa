import { type DynamicModule, Module } from '@nestjs/common';
import type { PublicJwk } from '#contracts';
import { CLUSTER_NODE, type ClusterNode, ResourceClaims } from '#node';
import type { Database } from '#persistence';
import type { IndexConfig } from './config.js';
import { BusAnnouncer } from './nodes/announcer.adapter.js';
import { DecisionHeadRepository } from './nodes/decision-head.repository.js';
import type { IndexLog } from './nodes/engine/index.ports.js';
import { IndexEngine } from './nodes/engine/index-engine.js';
import { BusGovernance } from './nodes/governance.adapter.js';
import { NodeRepository } from './nodes/node.repository.js';
import { NodesController } from './nodes/nodes.controller.js';
import { NodesProcessor } from './nodes/nodes.processor.js';
import { RedisPresenceBoard } from './nodes/presence.adapter.js';

export interface IndexParts {
  readonly config: IndexConfig;
  readonly database: Database;
  readonly genesisOperator: PublicJwk;
  readonly log: IndexLog;
}

@Module({})
export class IndexModule {}

/** The only wiring of the index. */
export function indexModule({ config, database, genesisOperator, log }: IndexParts): DynamicModule {
  const { heartbeatIntervalMs, suspectAfterMs, deadAfterMs, forgetAfterMs, clusterId, region, nodeRanges } = config;
  return {
    module: IndexModule,
    controllers: [NodesController],
    providers: [
      { provide: NodeRepository, useValue: new NodeRepository(database) },
      {
        provide: BusAnnouncer,
        inject: [CLUSTER_NODE],
        useFactory: (node: ClusterNode) => new BusAnnouncer(node.bus, log),
      },
      {
        provide: IndexEngine,
        inject: [CLUSTER_NODE, NodeRepository, BusAnnouncer],
        useFactory: (node: ClusterNode, store: NodeRepository, announcer: BusAnnouncer) =>
          new IndexEngine({
            settings: {
              clusterId,
              region,
              genesisOperator,
              nodeRanges,
              heartbeatIntervalMs,
              suspectAfterMs,
              deadAfterMs,
              forgetAfterMs,
            },
            store,
            announcer,
            board: new RedisPresenceBoard(() => node.bus.redis, clusterId, deadAfterMs * 3),
            governance: new BusGovernance(node.bus),
            heads: new DecisionHeadRepository(database),
            log,
            now: () => performance.now(),
            wallClock: () => new Date(),
          }),
      },
      {
        provide: ResourceClaims,
        inject: [CLUSTER_NODE],
        useFactory: (node: ClusterNode) => new ResourceClaims(() => node.bus.redis, clusterId),
      },
      {
        provide: NodesProcessor,
        inject: [CLUSTER_NODE, IndexEngine],
        useFactory: (node: ClusterNode, engine: IndexEngine) =>
          new NodesProcessor(node, engine, log, heartbeatIntervalMs),
      },
    ],
  };
}
