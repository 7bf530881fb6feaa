import type { Server } from 'node:http';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Env } from '#config';
import { accessChanged, pricesChanged } from '#contracts';
import { ClusterNode, certificateAt, type RunningApp, type Surroundings } from '#node';
import { OutboxRelay, observeOutbox, openDatabase } from '#persistence';
import { keyFileOf, loadOrCreateSigil, type Sigil } from '#sigil';
import { createLogger, createMetrics, type Logger, type Metrics, nestLogger } from '#telemetry';
import { TransferClient } from '#transfer';
import { RateLimits } from './auth/rate-limits.js';
import type { GatewayCluster } from './cluster/cluster.port.js';
import { NodeCluster } from './cluster/node-cluster.adapter.js';
import { type GatewayConfig, gatewayConfig } from './config.js';
import { gatewayModule } from './gateway.module.js';
import { type GatewayParts, gatewayParts } from './gateway.parts.js';
import { stopAccepting } from './http/drain.js';
import { createHttpAdapter } from './http/http-server.js';
import { KeptAmendments } from './inference/kept-amendments.js';
import { openContentBlind, openGatewayKek } from './once/gateway-kek.js';
import { followUp } from './people/follow-up.js';
import { ensureOperatorAccount } from './people/operator-account.js';
import { observeOperators } from './people/people.metrics.js';

export interface GatewayOverrides extends Pick<Surroundings, 'neighbours'> {
  /** In place of a node of its own: a test's cluster. */
  readonly cluster?: (keys: { token: Sigil; grant: Sigil }) => GatewayCluster;
  readonly transfer?: Pick<TransferClient, 'transfer' | 'exchange' | 'streamed'>;
  readonly logger?: Logger;
}

const sweepEveryMs = 1_000;
const purgeEveryMs = 600_000;
/** How long idle connections may stay after the last request, for a client that was about to send another. */
const lingerMs = 500;
/** How long the usage of a request may take to be settled after its runner was heard: as long as toll may, twice over. */
const meteringEndsMs = 15_000;

/** Starts a gateway: keys, database, cluster, HTTP, and only then its place in the index. */
export async function startGateway(env: Env, overrides: GatewayOverrides = {}): Promise<RunningApp> {
  const config = gatewayConfig(env);
  const metrics = createMetrics('gateway');
  const logger = overrides.logger ?? createLogger({ service: 'gateway', level: config.logLevel });
  const tokenSigil = await loadOrCreateSigil(keyFileOf(config.dataDir, 'token'), 'token');
  const grantSigil = await loadOrCreateSigil(keyFileOf(config.dataDir, 'grant'), 'grant');
  const undo: (() => Promise<void>)[] = [];
  try {
    const database = await openDatabase({
      url: config.databaseUrl.reveal(),
      applicationName: 'watershed-gateway',
      poolSize: 4,
    });
    undo.push(() => database.close());
    const kek = await openGatewayKek(database, config.kekFile);
    const blind = await openContentBlind(database, kek);
    const cluster =
      overrides.cluster?.({ token: tokenSigil, grant: grantSigil }) ??
      (await joinable(env, {
        logger,
        metrics,
        tokenSigil,
        grantSigil,
        load: () => parts.drain.requestsInFlight,
        neighbours: overrides.neighbours,
      }));
    undo.push(() => cluster.close());
    const transfer = new TransferClient({
      connectionsPerOrigin: 64,
      tracing: cluster.tracing,
      network: config.network,
      certificateOf: (origin) => certificateAt(cluster.nodes(), origin),
    });
    // What the drain limit cut off has its end there: its usage is amended while there is a cluster to tell it to.
    let cutOffEnded: () => Promise<unknown> = async () => undefined;
    undo.push(async () => void (await cutOffEnded()));
    undo.push(() => transfer.close());
    let limits: RateLimits | undefined;
    const relay = new OutboxRelay({
      pool: database.pool,
      app: 'gateway',
      deliver: (message) =>
        KeptAmendments.takes(message) ? parts.amendments.deliver(message) : followUp(message, parts),
      onFailure: ({ kind, attempts, error }) =>
        logger.warn({ kind, attempts, err: error }, 'a follow-up will be tried again'),
    });
    observeOutbox(metrics, relay);
    observeOperators(metrics, database);
    const parts = gatewayParts({
      config,
      logger,
      metrics,
      database,
      cluster,
      transfer: overrides.transfer ?? transfer,
      tokenSigil,
      grantSigil,
      kek,
      blind,
      rateLimits: () => {
        if (!limits) throw new Error('a request came before the server was ready');
        return limits;
      },
      wakeOutbox: () => relay.wake(),
    });
    cutOffEnded = () => parts.drain.idle(meteringEndsMs);
    const app = await createHttp(parts);
    undo.push(() => app.close());
    limits = new RateLimits({ instance: app.getHttpAdapter().getInstance(), rate: config.rate, cluster, logger });
    const stopWatching = watch(parts);
    undo.push(async () => stopWatching());
    await app.listen(config.port, config.host);
    const url = config.publicUrl ?? urlOf(app, config);
    await cluster.join(url, config.tls);
    await limits.learn();
    await ensureOperatorAccount({
      database,
      people: parts.people,
      keys: parts.keys,
      logger,
      operatorId: cluster.operatorId(),
      region: config.region,
      keyFile: config.operatorKeyFile,
    });
    await relay.start();
    undo.push(() => relay.close());
    parts.drain.markOpen();
    return running(app, parts, url, undo);
  } catch (error) {
    await closeAll(undo);
    throw error;
  }
}

async function joinable(
  env: Env,
  parts: Pick<Surroundings, 'neighbours'> & {
    logger: Logger;
    metrics: Metrics;
    tokenSigil: Sigil;
    grantSigil: Sigil;
    load: () => number;
  },
): Promise<GatewayCluster> {
  const node = await ClusterNode.prepare({
    env,
    services: ['gateway'],
    types: ['gateway'],
    purposeKeys: [
      { purpose: 'token', key: parts.tokenSigil.publicJwk },
      { purpose: 'grant', key: parts.grantSigil.publicJwk },
    ],
    load: () => ({ inFlight: parts.load(), capacity: 1_000 }),
    logger: parts.logger,
    metrics: parts.metrics,
    neighbours: parts.neighbours,
  });
  return new NodeCluster(node);
}

async function createHttp(parts: GatewayParts): Promise<NestFastifyApplication> {
  const adapter = await createHttpAdapter(parts);
  const app = await NestFactory.create<NestFastifyApplication>(gatewayModule(parts), adapter, {
    bodyParser: false,
    logger: nestLogger(parts.logger),
    abortOnError: false,
  });
  await app.init();
  return app;
}

/** Changes elsewhere that what is remembered here must follow, and work that comes around by the clock. */
function watch({ cluster, access, prices, catalogue, budget, once, logger }: GatewayParts): () => void {
  const stops = [
    cluster.on(accessChanged, (what) => access.forget(what)),
    cluster.on(pricesChanged, () => prices.forget()),
    catalogue.watch(),
  ];
  const sweep = setInterval(() => budget.sweep(), sweepEveryMs);
  const purge = setInterval(() => {
    once.purge().catch((error: unknown) => logger.warn({ err: error }, 'old outcomes were not purged'));
  }, purgeEveryMs);
  sweep.unref();
  purge.unref();
  return () => {
    clearInterval(sweep);
    clearInterval(purge);
    for (const stop of stops) stop();
  };
}

function running(
  app: NestFastifyApplication,
  parts: GatewayParts,
  url: string,
  undo: (() => Promise<void>)[],
): RunningApp {
  let draining: Promise<void> | undefined;
  let closing: Promise<void> | undefined;
  const drain = () => {
    draining ??= drained(app, parts);
    return draining;
  };
  return {
    name: 'gateway',
    nodeId: parts.cluster.nodeId,
    url,
    metrics: parts.metrics.registry,
    drain,
    close() {
      closing ??= drain().then(() => closeAll(undo));
      return closing;
    },
  };
}

/** Not ready first; then no new connections; then every request that is here is answered, metered and settled. */
async function drained(
  app: NestFastifyApplication,
  { config, cluster, drain, usage, budget, logger }: GatewayParts,
): Promise<void> {
  drain.start();
  cluster.startDraining();
  if (config.drain.noticeMs > 0) await new Promise((resolve) => setTimeout(resolve, config.drain.noticeMs));
  const server: Server = app.getHttpServer();
  await Promise.all([stopAccepting(server, lingerMs), drain.idle(config.drain.limitMs)]);
  if (!(await drain.idle(config.drain.limitMs)))
    logger.warn({ requests: drain.requestsInFlight }, 'the drain limit cut requests off');
  await usage.drained();
  await budget.drain();
  // Not only when it closes: an index of the same process has by then drained itself and takes no good-byes.
  await cluster.leave();
}

async function closeAll(undo: (() => Promise<void>)[]): Promise<void> {
  for (const step of undo.splice(0).reverse()) await step();
}

function urlOf(app: NestFastifyApplication, { host, tls }: GatewayConfig): string {
  const server: Server = app.getHttpServer();
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the gateway listens on no port');
  return `${tls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${address.port}`;
}
