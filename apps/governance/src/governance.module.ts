import { type DynamicModule, Module } from '@nestjs/common';
import { membership, membershipChanged } from '#contracts';
import { CLUSTER_NODE, ClusterNode } from '#node';
import { type Database, OutboxRelay } from '#persistence';
import type { Logger, Metrics } from '#telemetry';
import { GovernanceEngine } from './membership/engine/governance-engine.js';
import { GovernanceController } from './membership/governance.controller.js';
import { GovernanceRepository } from './membership/governance.repository.js';

export interface GovernanceAppResources {
  readonly database: Database;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

@Module({})
class GovernanceModule {}

/** The only place where governance's parts meet. */
export function governanceModule({ database, logger, metrics }: GovernanceAppResources): DynamicModule {
  const announced = metrics.counter('governance_memberships_announced_total', 'Memberships announced to the cluster');
  return {
    module: GovernanceModule,
    controllers: [GovernanceController],
    providers: [
      {
        provide: OutboxRelay,
        inject: [CLUSTER_NODE],
        useFactory: (node: ClusterNode) =>
          new OutboxRelay({
            pool: database.pool,
            app: 'governance',
            deliver: async ({ payload }) => {
              await node.bus.broadcast(membershipChanged, { membership: membership.parse(payload) });
              announced.inc();
            },
            onFailure: ({ attempts, error }) =>
              logger.warn({ attempts, err: error }, 'a membership could not be announced and will be again'),
          }),
      },
      {
        provide: GovernanceEngine,
        inject: [OutboxRelay],
        useFactory: (relay: OutboxRelay) =>
          new GovernanceEngine({
            store: new GovernanceRepository(database),
            now: () => new Date(),
            onChanged: () => relay.wake(),
          }),
      },
    ],
    exports: [GovernanceEngine, OutboxRelay],
  };
}
