import type { AddressInfo } from 'node:net';
import { type DynamicModule, Inject, Module, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { ClusterDelegation } from '#contracts';
import type { Database } from '#persistence';
import type { Sigil } from '#sigil';
import type { Logger, Metrics } from '#telemetry';
import type { BridgeConfig } from './config.js';
import { DescriptorRepository } from './identity/descriptor.repository.js';
import { DescriptorEngine } from './identity/engine/descriptor-engine.js';
import { IdentityController, WellKnownController } from './identity/identity.controller.js';

export interface BridgeResources {
  readonly config: BridgeConfig;
  readonly database: Database;
  readonly sigil: Sigil;
  readonly delegation: ClusterDelegation;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

const RESOURCES = Symbol('bridge resources');
/** A descriptor lives for a day or more; nobody asks the database about it more often than this for its own sake. */
const renewalCheckMs = 60_000;
/** Nothing of the federation's protocols is spoken yet besides these documents. */
const protocolVersions = ['watershed/1'];

/** The only place where bridge's parts meet. */
@Module({})
export class BridgeModule implements OnModuleInit, OnApplicationShutdown {
  #timer: NodeJS.Timeout | undefined;

  constructor(
    @Inject(DescriptorEngine) private readonly engine: DescriptorEngine,
    @Inject(RESOURCES) private readonly resources: BridgeResources,
  ) {}

  onModuleInit(): void {
    const everyMs = Math.min(renewalCheckMs, this.resources.config.descriptorTtlMs / 4);
    this.#timer = setInterval(() => {
      this.engine
        .refresh()
        .catch((error: unknown) => this.resources.logger.error({ err: error }, 'the descriptor could not be renewed'));
    }, everyMs);
    this.#timer.unref();
  }

  onApplicationShutdown(): void {
    clearInterval(this.#timer);
  }

  static with(resources: BridgeResources): DynamicModule {
    return {
      module: BridgeModule,
      controllers: [IdentityController, WellKnownController],
      providers: [
        { provide: RESOURCES, useValue: resources },
        {
          provide: DescriptorEngine,
          inject: [HttpAdapterHost],
          useFactory: (host: HttpAdapterHost) => engineOf(resources, host),
        },
      ],
    };
  }
}

function engineOf({ config, database, sigil, delegation, metrics }: BridgeResources, host: HttpAdapterHost) {
  const engine = new DescriptorEngine({
    store: new DescriptorRepository(database),
    sigil,
    delegation,
    ttlMs: config.descriptorTtlMs,
    content: () => ({
      name: config.clusterName,
      region: config.region,
      bridgeUrls: config.publicUrls ?? [addressOf(host)],
      protocolVersions,
      capabilities: [],
    }),
  });
  metrics.gauge('bridge_descriptor_sequence', 'Sequence of the descriptor that is served', [], async (gauge) => {
    gauge.set((await engine.current()).descriptor.sequence);
  });
  return engine;
}

function addressOf(host: HttpAdapterHost): string {
  const address: AddressInfo | string | null = host.httpAdapter.getHttpServer().address();
  if (typeof address !== 'object' || address === null) throw new Error('the bridge is not listening yet');
  const name = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return `http://${name}:${address.port}`;
}
