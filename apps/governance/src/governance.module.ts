import { type DynamicModule, Inject, Module, type OnModuleDestroy } from '@nestjs/common';
import type { NodeRanges } from '#config';
import { CLUSTER_NODE, type ClusterNode } from '#node';
import { type Database, OutboxRelay, observeOutbox } from '#persistence';
import type { Logger, Metrics } from '#telemetry';
import { AccessController } from './access/access.controller.js';
import { AccessEngine } from './access/engine/access-engine.js';
import type { LoginPlaces } from './access/engine/rebuild-logins.js';
import { deliverAnnouncements } from './membership/announcements.js';
import { GovernanceEngine } from './membership/engine/governance-engine.js';
import { GovernanceController } from './membership/governance.controller.js';
import { GovernanceRepository } from './membership/governance.repository.js';

export interface GovernanceAppResources {
  readonly database: Database;
  readonly clusterId: string;
  readonly genesisOperatorId: string;
  /** Where nodes may take content. */
  readonly nodeRanges: NodeRanges;
  readonly access: LoginPlaces;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

@Module({})
class GovernanceModule implements OnModuleDestroy {
  constructor(@Inject(OutboxRelay) private readonly relay: OutboxRelay) {}

  // Also where the app closes without a drain, as after a start that failed.
  onModuleDestroy(): Promise<void> {
    return this.relay.close();
  }
}

/** The only place where governance's parts meet. */
export function governanceModule(resources: GovernanceAppResources): DynamicModule {
  const { database, clusterId, genesisOperatorId, nodeRanges, access, logger, metrics } = resources;
  const announced = metrics.counter('governance_announced_total', 'What governance announced to the cluster', ['kind']);
  const store = new GovernanceRepository(database);
  return {
    module: GovernanceModule,
    controllers: [GovernanceController, AccessController],
    providers: [
      {
        provide: OutboxRelay,
        inject: [CLUSTER_NODE, AccessEngine],
        useFactory: (node: ClusterNode, engine: AccessEngine) => {
          const deliver = deliverAnnouncements({ bus: node.bus, store, access: engine });
          const relay = new OutboxRelay({
            pool: database.pool,
            app: 'governance',
            deliver: async (message) => {
              await deliver(message);
              announced.inc({ kind: message.kind });
            },
            onFailure: ({ kind, attempts, error }) =>
              logger.warn({ kind, attempts, err: error }, 'A decision could not be carried out and will be again'),
          });
          observeOutbox(metrics, relay);
          return relay;
        },
      },
      {
        provide: AccessEngine,
        useFactory: () =>
          new AccessEngine({
            ...access,
            clusterId,
            genesisOperatorId,
            nodeRanges,
            operators: () => store.operators(),
            membership: (nodeId) => store.membership(nodeId),
          }),
      },
      {
        provide: GovernanceEngine,
        inject: [OutboxRelay, CLUSTER_NODE],
        useFactory: (relay: OutboxRelay, node: ClusterNode) =>
          new GovernanceEngine({
            store,
            clusterId: node.clusterId,
            now: () => new Date(),
            onChanged: () => relay.wake(),
          }),
      },
    ],
    exports: [GovernanceEngine, AccessEngine, OutboxRelay],
  };
}
