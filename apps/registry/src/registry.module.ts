import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type DynamicModule, Inject, Module, type OnModuleDestroy } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { modelsChanged, orchestratorPlaced } from '#contracts';
import { CLUSTER_NODE, type ClusterNode, onExpelled } from '#node';
import { inspectOnnx } from '#onnx-inspection';
import { type Database, OutboxRelay, observeOutbox } from '#persistence';
import type { Sigil } from '#sigil';
import type { Logger, Metrics } from '#telemetry';
import { BlobController, BlobTransferController } from './blob/blob.controller.js';
import { BlobStore } from './blob/engine/blob-store.js';
import { BlobTransfers, type BlobVersion } from './blob/engine/blob-transfers.js';
import { TRANSFER_LOGGER, TransferFilter } from './blob/transfer.filter.js';
import type { RegistryConfig } from './config.js';
import { ModelEngine } from './model/engine/model-engine.js';
import { ModelController } from './model/model.controller.js';
import { ModelRepository } from './model/model.repository.js';
import { OperatorPublishers } from './model/publishers.adapter.js';

export interface RegistryResources {
  readonly config: RegistryConfig;
  readonly database: Database;
  readonly modelSigil: Sigil;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** The only place where registry's parts meet. */
@Module({})
export class RegistryModule implements OnModuleDestroy {
  constructor(@Inject(OutboxRelay) private readonly relay: OutboxRelay) {}

  onModuleDestroy(): Promise<void> {
    return this.relay.close();
  }

  static with(resources: RegistryResources): DynamicModule {
    const { config, database, modelSigil, logger } = resources;
    const store = new ModelRepository(database);
    const blobs = new BlobStore({
      folder: join(config.dataDir, 'blobs'),
      maxBytes: config.maxBlobBytes,
      idleMs: config.uploadIdleMs,
    });
    return {
      module: RegistryModule,
      controllers: [ModelController, BlobController, BlobTransferController],
      providers: [
        TransferFilter,
        { provide: TRANSFER_LOGGER, useValue: logger },
        { provide: ModelRepository, useValue: store },
        { provide: BlobStore, useValue: blobs },
        {
          provide: BlobTransfers,
          inject: [HttpAdapterHost, CLUSTER_NODE],
          useFactory: (host: HttpAdapterHost, node: ClusterNode) => {
            const transfers = new BlobTransfers({
              blobs,
              maxBlobBytes: config.maxBlobBytes,
              approvedWith: (sha256, page) => store.approvedWith(sha256, page),
              isPlaced: placedBy(node),
              baseUrl: () => config.publicUrl ?? addressOf(host),
            });
            onExpelled(node.directory, () => transfers.revokeTickets());
            return transfers;
          },
        },
        {
          provide: ModelEngine,
          inject: [CLUSTER_NODE],
          useFactory: (node: ClusterNode) =>
            new ModelEngine({
              store,
              blobs,
              inspector: { inspect: inspectOnnx },
              publishers: new OperatorPublishers(node.bus),
              sigil: modelSigil,
            }),
        },
        { provide: OutboxRelay, inject: [CLUSTER_NODE], useFactory: (node: ClusterNode) => relayOf(resources, node) },
      ],
    };
  }
}

/** Says after each commit, in order for each model, that something changed. */
function relayOf({ database, logger, metrics }: RegistryResources, node: ClusterNode): OutboxRelay {
  const announced = metrics.counter('registry_changes_announced_total', 'Changes of models that were announced');
  const relay = new OutboxRelay({
    pool: database.pool,
    app: 'registry',
    deliver: async ({ payload }) => {
      await node.bus.broadcast(modelsChanged, modelsChanged.payload.parse(payload));
      announced.inc();
    },
    onFailure: ({ attempts, error }) =>
      logger.warn({ attempts, err: error }, 'a change of a model is not announced yet'),
  });
  observeOutbox(metrics, relay);
  return relay;
}

/** Who is to serve what, as the orchestrator has it: it owns the placements. */
const placedBy =
  ({ bus }: ClusterNode) =>
  async (nodeId: string, versions: readonly BlobVersion[]): Promise<boolean> => {
    const asked = versions.map(({ name, version }) => ({ model: name, version }));
    return (await bus.call(orchestratorPlaced, { nodeId, versions: asked })).placed;
  };

function addressOf(host: HttpAdapterHost): string {
  const address: AddressInfo | string | null = host.httpAdapter.getHttpServer().address();
  if (typeof address !== 'object' || address === null) throw new Error('the registry is not listening yet');
  const name = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return `http://${name}:${address.port}`;
}
