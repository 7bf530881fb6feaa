import { type DynamicModule, Inject, Module, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { pricesChanged } from '#contracts';
import { CLUSTER_NODE, ClusterNode } from '#node';
import type { Database } from '#persistence';
import type { Sigil } from '#sigil';
import type { Logger, Metrics } from '#telemetry';
import { AllowanceController } from './allowance/allowance.controller.js';
import { AllowanceRepository } from './allowance/allowance.repository.js';
import { AllowanceEngine } from './allowance/engine/allowance-engine.js';
import type { TollConfig } from './config.js';
import { LedgerEngine } from './ledger/engine/ledger-engine.js';
import { PostingSystem } from './ledger/engine/posting.system.js';
import { HoldController } from './ledger/hold.controller.js';
import { observeLedger } from './ledger/ledger.metrics.js';
import { LedgerRepository } from './ledger/ledger.repository.js';
import { PersonGrants, personGrantsOf } from './ledger/person-grants.js';
import { PurseController } from './ledger/purse.controller.js';
import { StatementRepository } from './ledger/statement.repository.js';
import { PriceBook } from './price/engine/price-book.js';
import { PriceController } from './price/price.controller.js';
import { PriceRepository } from './price/price.repository.js';

export interface TollResources {
  readonly config: TollConfig;
  readonly database: Database;
  readonly ledger: LedgerRepository;
  readonly priceSigil: Sigil;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** The only place where toll's parts meet. */
@Module({})
export class TollModule implements OnApplicationBootstrap, OnModuleDestroy {
  constructor(@Inject(PostingSystem) private readonly posting: PostingSystem) {}

  onApplicationBootstrap(): void {
    this.posting.start();
  }

  // Also where the app closes without a drain, as after a start that failed.
  onModuleDestroy(): Promise<void> {
    return this.posting.close();
  }

  static with(resources: TollResources): DynamicModule {
    const { config, database, ledger, logger } = resources;
    const reader = new StatementRepository(database);
    observeLedger(resources.metrics, reader, () => performance.now());
    return {
      module: TollModule,
      controllers: [PurseController, HoldController, PriceController, AllowanceController],
      providers: [
        { provide: PersonGrants, inject: [CLUSTER_NODE], useFactory: personGrantsOf },
        { provide: PostingSystem, useFactory: () => postingOf(resources) },
        {
          provide: LedgerEngine,
          inject: [PostingSystem],
          useFactory: (posting: PostingSystem) => {
            const events = resources.metrics.counter('toll_usage_events_total', 'Usage events by outcome', ['outcome']);
            return new LedgerEngine({
              store: ledger,
              reader,
              rules: config,
              onUsage: (recorded, refused) => {
                events.inc({ outcome: 'recorded' }, recorded);
                for (const { code } of refused) events.inc({ outcome: code });
                posting.nudge();
              },
            });
          },
        },
        {
          provide: AllowanceEngine,
          inject: [LedgerEngine],
          useFactory: (ledger: LedgerEngine) => {
            const given = resources.metrics.counter('toll_allowance_micro_total', 'Micro-units given by the allowance');
            return new AllowanceEngine({
              store: new AllowanceRepository(database),
              ledger,
              blockTtlMs: config.blockTtlMs,
              asset: config.asset,
              rules: config.allowance,
              onGiven: (amountMicro) => given.inc(Number(amountMicro)),
            });
          },
        },
        {
          provide: PriceBook,
          inject: [CLUSTER_NODE],
          useFactory: (node: ClusterNode) =>
            new PriceBook({
              store: new PriceRepository(database),
              sigil: resources.priceSigil,
              clusterId: config.clusterId,
              asset: config.asset,
              first: config.defaultPrice,
              now: () => new Date(),
              onChanged: (version) => {
                // Only a nudge: who misses it asks again in time.
                node.bus
                  .broadcast(pricesChanged, { version })
                  .catch((error: unknown) => logger.warn({ err: error }, 'nobody was told of the new prices'));
              },
            }),
        },
      ],
      exports: [PostingSystem],
    };
  }
}

function postingOf({ config, ledger, logger, metrics }: TollResources): PostingSystem {
  const posted = metrics.counter('toll_usage_transfers_total', 'Transfers that posted usage');
  const expired = metrics.counter('toll_expired_total', 'Blocks and holds given back at their expiry', ['kind']);
  return new PostingSystem({
    store: ledger,
    postDelayMs: config.postDelayMs,
    sweepIntervalMs: config.sweepIntervalMs,
    blockTtlMs: config.blockTtlMs,
    monotonicMs: () => performance.now(),
    onPosted: (transfers) => posted.inc(transfers),
    onExpired: (kind, count) => expired.inc({ kind }, count),
    onJump: (blocks) => logger.warn({ blocks }, "the database's clock jumped: blocks were renewed, nothing expired"),
    onError: (error) => logger.error({ err: error }, 'posting failed and will be tried again'),
  });
}
