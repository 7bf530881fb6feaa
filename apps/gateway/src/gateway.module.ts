import { type DynamicModule, type InjectionToken, Module, type Provider } from '@nestjs/common';
import { APP_FILTER, APP_GUARD } from '@nestjs/core';
import { AuditController } from './audit/audit.controller.js';
import { AuditLog } from './audit/audit-log.js';
import { AccessGuard } from './auth/access.guard.js';
import { ClusterController } from './cluster/cluster.controller.js';
import { GATEWAY_CLUSTER } from './cluster/cluster.port.js';
import { GATEWAY_CONFIG } from './config.js';
import { GATEWAY_DATABASE } from './database.token.js';
import { DocsController } from './docs/docs.controller.js';
import type { GatewayParts } from './gateway.parts.js';
import { GovernanceController } from './governance/governance.controller.js';
import { HealthController } from './health/health.controller.js';
import { Drain } from './http/drain.js';
import { ProblemFilter } from './http/problem.filter.js';
import { Budget } from './inference/engine/budget.js';
import { InferController } from './inference/infer.controller.js';
import { CachedPrices, Grants, IndexRunners } from './inference/inference.adapters.js';
import { InferenceService } from './inference/inference.service.js';
import { V2Controller } from './inference/v2.controller.js';
import { KeysController } from './keys/keys.controller.js';
import { KeysRepository } from './keys/keys.repository.js';
import { KeysService } from './keys/keys.service.js';
import { BlobUploads } from './models/blob-uploads.js';
import { ModelAdminController } from './models/model-admin.controller.js';
import { ModelCatalogue } from './models/model-catalogue.js';
import { ModelsController } from './models/models.controller.js';
import { JoinController } from './nodes/join.controller.js';
import { NodesController } from './nodes/nodes.controller.js';
import { Once } from './once/once.js';
import { InvitationsController } from './people/invitations.controller.js';
import { InvitationsRepository } from './people/invitations.repository.js';
import { PeopleController } from './people/people.controller.js';
import { PeopleRepository } from './people/people.repository.js';
import { PeopleService } from './people/people.service.js';
import { PodsController } from './pods/pods.controller.js';
import { PodsService } from './pods/pods.service.js';
import { PurseController } from './purse/purse.controller.js';
import { TokenIssuer } from './tokens/token-issuer.js';
import { TokensController } from './tokens/tokens.controller.js';

const gatewayControllers = [
  PeopleController,
  InvitationsController,
  KeysController,
  TokensController,
  InferController,
  V2Controller,
  ModelsController,
  ModelAdminController,
  PurseController,
  NodesController,
  JoinController,
  GovernanceController,
  PodsController,
  AuditController,
  ClusterController,
  HealthController,
  DocsController,
];

type Given = (parts: GatewayParts) => unknown;

/** What the controllers are given: each part of the gateway by its class, ports by their token. */
const given: readonly (readonly [InjectionToken, Given])[] = [
  [GATEWAY_CLUSTER, ({ cluster }) => cluster],
  [GATEWAY_CONFIG, ({ config }) => config],
  [GATEWAY_DATABASE, ({ database }) => database],
  [AuditLog, ({ audit }) => audit],
  [Drain, ({ drain }) => drain],
  [Budget, ({ budget }) => budget],
  [CachedPrices, ({ prices }) => prices],
  [Grants, ({ grants }) => grants],
  [IndexRunners, ({ runners }) => runners],
  [InferenceService, ({ inference }) => inference],
  [KeysRepository, ({ keys }) => keys],
  [KeysService, ({ keysService }) => keysService],
  [BlobUploads, ({ uploads }) => uploads],
  [ModelCatalogue, ({ catalogue }) => catalogue],
  [Once, ({ once }) => once],
  [InvitationsRepository, ({ invitations }) => invitations],
  [PeopleRepository, ({ people }) => people],
  [PeopleService, ({ peopleService }) => peopleService],
  [PodsService, ({ pods }) => pods],
  [TokenIssuer, ({ issuer }) => issuer],
];

@Module({})
export class GatewayModule {}

export function gatewayModule(parts: GatewayParts): DynamicModule {
  const providers: Provider[] = [
    ...given.map(([provide, from]) => ({ provide, useValue: from(parts) })),
    { provide: APP_GUARD, useValue: new AccessGuard(parts.authentication, parts.rateLimits) },
    { provide: APP_FILTER, useValue: new ProblemFilter(parts.logger) },
  ];
  return { module: GatewayModule, controllers: gatewayControllers, providers };
}

/** The controllers alone, over nothing: for what only reads how they are declared. */
export function declaredModule(): DynamicModule {
  const providers = given.map(([provide]) => ({ provide, useValue: {} }));
  return { module: GatewayModule, controllers: gatewayControllers, providers };
}
