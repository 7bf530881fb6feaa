import { type DynamicModule, Module } from '@nestjs/common';
import { CLUSTER_NODE, type ClusterNode } from '#node';
import { type Database, OutboxRelay, observeOutbox } from '#persistence';
import type { Logger, Metrics } from '#telemetry';
import type { AccessPort } from './access/engine/access.ports.js';
import { deliverAnnouncements } from './membership/announcements.js';
import { GovernanceEngine } from './membership/engine/governance-engine.js';
import { GovernanceController } from './membership/governance.controller.js';
import { GovernanceRepository } from './membership/governance.repository.js';

export interface GovernanceAppResources {
  readonly database: Database;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Absent where nodes hold no logins of their own. */
  readonly access?: AccessPort;
}

@Module({})
class GovernanceModule {}

/** The only place where governance's parts meet. */
export function governanceModule({ database, logger, metrics, access }: GovernanceAppResources): DynamicModule {
  const announced = metrics.counter('governance_announced_total', 'What governance announced to the cluster', ['kind']);
  const store = new GovernanceRepository(database);
  return {
    module: GovernanceModule,
    controllers: [GovernanceController],
    providers: [
      {
        provide: OutboxRelay,
        inject: [CLUSTER_NODE],
        useFactory: (node: ClusterNode) => {
          const deliver = deliverAnnouncements({ bus: node.bus, store, ...(access ? { access } : {}) });
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
    exports: [GovernanceEngine, OutboxRelay],
  };
}
