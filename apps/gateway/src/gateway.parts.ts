import { ticketsInABook } from '#contracts';
import type { Database } from '#persistence';
import type { Sigil } from '#sigil';
import type { Logger, Metrics } from '#telemetry';
import { ContentSender, type TransferClient } from '#transfer';
import { AuditLog } from './audit/audit-log.js';
import { AccessDirectory } from './auth/engine/access-directory.js';
import { Authentication } from './auth/passport.strategies.js';
import type { RateLimits } from './auth/rate-limits.js';
import type { GatewayCluster } from './cluster/cluster.port.js';
import type { GatewayConfig } from './config.js';
import { Drain } from './http/drain.js';
import { Budget } from './inference/engine/budget.js';
import { InferenceEngine } from './inference/engine/inference-engine.js';
import { SpareTickets } from './inference/engine/spare-tickets.js';
import {
  BatchedReservations,
  CachedPrices,
  Grants,
  IndexRunners,
  InferencePolicy,
  TollBudget,
} from './inference/inference.adapters.js';
import { InferenceService } from './inference/inference.service.js';
import { KeptAmendments } from './inference/kept-amendments.js';
import { RunnerContent } from './inference/runner-content.adapter.js';
import { BatchedUsage } from './inference/usage.adapter.js';
import { KeysRepository } from './keys/keys.repository.js';
import { KeysService } from './keys/keys.service.js';
import { BlobUploads } from './models/blob-uploads.js';
import { ModelCatalogue } from './models/model-catalogue.js';
import type { ContentBlind } from './once/content-blind.js';
import { ContentSeal } from './once/content-seal.js';
import { Once } from './once/once.js';
import { InvitationsRepository } from './people/invitations.repository.js';
import { PeopleRepository } from './people/people.repository.js';
import { PeopleService } from './people/people.service.js';
import { PodsService } from './pods/pods.service.js';
import { OidcIssuers } from './tokens/oidc-issuers.js';
import { BearerTokens } from './tokens/token-authentication.js';
import { TokenIssuer } from './tokens/token-issuer.js';

/** What the gateway is given from outside: by `startGateway`, or by a test. */
export interface GatewayGround {
  readonly config: GatewayConfig;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly database: Database;
  readonly cluster: GatewayCluster;
  readonly transfer: Pick<TransferClient, 'transfer' | 'exchange' | 'streamed'>;
  readonly tokenSigil: Sigil;
  readonly grantSigil: Sigil;
  readonly kek: Uint8Array;
  readonly blind: ContentBlind;
  /** Set once the HTTP server is up: limits are counted by its plugin. */
  readonly rateLimits: () => RateLimits;
  readonly wakeOutbox: () => void;
}

export type GatewayParts = ReturnType<typeof gatewayParts>;

/** The accesses of a revoked key die within this, should every broadcast be lost. */
const accessCacheMs = 5_000;
/** Stays with a request beyond its time: reservation, usage row, answer. */
const settlingMs = 10_000;
const uploadTimeoutMs = 6 * 3_600_000;

/** Everything behind the controllers, made once and in plain sight. */
export function gatewayParts(ground: GatewayGround) {
  const { config, logger, database, cluster, transfer } = ground;
  const { limits } = config;
  const drain = new Drain();
  const { blind } = ground;
  const people = new PeopleRepository(database, blind);
  const invitations = new InvitationsRepository(database);
  const keys = new KeysRepository(database);
  const audit = new AuditLog(database);
  const access = new AccessDirectory({ port: people, cacheTtlMs: accessCacheMs, cacheSize: 20_000 });
  const seal = new ContentSeal(database, ground.kek);
  const leaseMs = limits.inferenceTimeoutMs * 2 + settlingMs;
  const once = new Once({ database, seal, blind, keepHours: config.idempotencyHours, leaseMs });
  const { nodeId, clusterId, region } = cluster;
  const grants = new Grants({ sigil: ground.grantSigil, nodeId, clusterId, region });
  const prices = new CachedPrices(cluster, { freshMs: 5_000, staleMs: 60_000 });
  const budget = new Budget({
    port: new TollBudget(cluster, prices, grants),
    requestsPerBlock: config.budget.requestsPerBlock,
    maxRequestsPerBlock: Math.max(config.budget.requestsPerBlock, 65_536),
    idleMs: config.budget.idleMs,
    expiryMarginMs: limits.inferenceTimeoutMs + settlingMs,
    emptyMemoryMs: 1_000,
    reserveLimitMs: 3_000,
    returnLimitMs: 1_000,
    onReleaseFailed: (error) =>
      logger.warn({ err: error }, 'a budget block was not given back; toll does so when it expires'),
  });
  const peopleService = new PeopleService({
    database,
    people,
    keys,
    once,
    access,
    cluster,
    logger,
    invitations,
    signUpMode: config.signUp,
    giveBack: (personId) => budget.leave(personId),
    wakeOutbox: ground.wakeOutbox,
  });
  const keysService = new KeysService({ database, keys, once, people: peopleService });
  const issuer = new TokenIssuer({
    sigil: ground.tokenSigil,
    clusterId: cluster.clusterId,
    lifetimeSeconds: config.tokenSeconds,
    trusted: () => cluster.tokenKeys(),
  });
  const tokens = new BearerTokens({
    issuer,
    foreign: new OidcIssuers(config.oidcIssuers),
    access,
    personOf: (foreignIssuer, subject) => peopleService.ofIdentity(foreignIssuer, subject),
  });
  const authentication = new Authentication(access, tokens);
  const runners = new IndexRunners(cluster);
  const amendments = new KeptAmendments({ database, cluster, logger, wakeOutbox: ground.wakeOutbox });
  const usage = new BatchedUsage({
    cluster,
    keep: (events) => amendments.keep(events),
    onLost: (events, error) =>
      logger.error({ usageIds: events.map(({ usageId }) => usageId), err: error }, 'amendments of usage were lost'),
  });
  const catalogue = new ModelCatalogue(cluster);
  const reservations = new BatchedReservations(cluster);
  const engine = new InferenceEngine(
    {
      runners,
      catalogue,
      reserve: new SpareTickets({
        reserve: (nodeId, item) => reservations.reserve(nodeId, item),
        reserveAhead: (nodeId, item, count) => reservations.reserveAhead(nodeId, item, count),
        maxBytes: 16_384,
        maxAtOnce: ticketsInABook,
        freshMs: 10_000,
        inAMoment: (ask) => void setTimeout(ask, 2).unref(),
        maxGrants: 10_000,
        now: () => performance.now(),
      }),
      content: new RunnerContent(
        new ContentSender({
          client: transfer,
          maxAnswerBytes: limits.tensorBytes * 4,
          oneByOne: cluster.tracing !== undefined,
        }),
      ),
      grants,
      usage,
      prices,
      policy: new InferencePolicy(),
      budget,
    },
    { timeoutMs: limits.inferenceTimeoutMs },
  );
  const inference = new InferenceService({ engine, once, drain });
  const uploads = new BlobUploads({ cluster, transfer, maxBytes: limits.blobBytes, timeoutMs: uploadTimeoutMs });
  const pods = new PodsService({
    cluster,
    grants,
    transfer,
    maxBytes: limits.resourceBytes,
    timeoutMs: uploadTimeoutMs,
  });
  return {
    ...ground,
    drain,
    people,
    invitations,
    keys,
    audit,
    access,
    seal,
    once,
    peopleService,
    keysService,
    issuer,
    authentication,
    prices,
    budget,
    grants,
    runners,
    usage,
    amendments,
    inference,
    catalogue,
    uploads,
    pods,
  };
}
