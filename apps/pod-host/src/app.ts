import { join } from 'node:path';
import type { Env } from '#config';
import { ClusterNode, onExpelled, type RunningApp, type Surroundings, startNodeApp } from '#node';
import { openDatabase } from '#persistence';
import { GrantVerifier } from '#sigil';
import { createLogger, createMetrics, nestLogger } from '#telemetry';
import { TransferTokens } from '#transfer';
import { podHostConfig } from './config.js';
import { podHostModule } from './pod-host.module.js';
import { ContentHttpServer, contentPath } from './pods/content-http.server.js';
import { type ContentBooking, ContentEngine } from './pods/engine/content-engine.js';
import type { RacePort } from './pods/engine/pod.ports.js';
import { PodEngine } from './pods/engine/pod-engine.js';
import { sealPlainResources } from './pods/engine/seal-plain.system.js';
import { sweepOrphans } from './pods/engine/sweep.system.js';
import { FileResourceStore, freeBytes } from './pods/file-resource-store.adapter.js';
import { PrismaPodRepository } from './pods/pod.repository.js';
import { openPodKek } from './pods/pod-kek.js';
import { PodKeys } from './pods/pod-keys.js';

/** Starts a pod host: pods in its region, their bytes under the data folder. */
export async function startPodHost(
  env: Env,
  surroundings: Surroundings & { readonly race?: RacePort } = {},
): Promise<RunningApp> {
  const config = podHostConfig(env);
  const logger = createLogger({ service: 'pod-host', level: config.logLevel });
  const metrics = createMetrics('pod-host');
  const folder = join(config.dataDir, 'pods');
  const http: { server?: ContentHttpServer } = {};
  const database = await openDatabase({
    url: config.databaseUrl.reveal(),
    applicationName: 'watershed-pod-host',
    poolSize: 4,
  });
  const kek = await openPodKek(database, config.kekFile).catch(async (error: unknown) => {
    await database.close();
    throw error;
  });
  const node = await ClusterNode.prepare({
    env,
    services: ['pod-host'],
    types: ['pod-host'],
    capabilities: { podStorageBytes: await freeBytes(folder), largestPodBytes: config.maxPodBytes },
    load: () => ({ inFlight: http.server?.inFlight ?? 0, capacity: 1_000 }),
    logger,
    metrics,
    neighbours: surroundings.neighbours,
  });
  const repository = new PrismaPodRepository(database, new PodKeys(kek));
  const store = new FileResourceStore(folder, node.nodeId);
  const settings = {
    region: config.region,
    maxPodsPerPerson: config.maxPodsPerPerson,
    maxPodBytes: config.maxPodBytes,
    maxResourceBytes: config.maxResourceBytes,
  };
  const pods = new PodEngine(settings, repository, store);
  const content = new ContentEngine(settings, pods, repository, store, surroundings.race);
  const tokens = new TransferTokens<ContentBooking>({ capacity: 10_000 });
  onExpelled(node.directory, () => tokens.revokeAll());
  const seconds = metrics.histogram('pod_host_content_seconds', 'From a request to its last byte', [
    'action',
    'outcome',
  ]);
  const certificate = await node.certificateFor(config.publicUrl);
  const server = new ContentHttpServer({
    host: config.host,
    port: config.port,
    tls: certificate,
    content,
    pods,
    redeem: (token) => tokens.redeemTransfer(token),
    bodyTimeoutMs: config.bodyTimeoutMs,
    observe: (action, outcome, took) => seconds.observe({ action, outcome }, took),
    onInternalError: (error) => logger.error({ err: error }, 'a transfer failed inside the pod host'),
  });
  http.server = server;
  const sweeping: { timer?: NodeJS.Timeout } = {};
  const sweep = async () => {
    // Twice as long as any request may take: what nobody has written to since is of no request.
    const swept = await sweepOrphans(repository, store, 2 * config.bodyTimeoutMs);
    if (swept.contents + swept.pods + swept.arrivals > 0) logger.info(swept, 'erased what was left behind');
  };
  let url = '';
  return startNodeApp({
    name: 'pod-host',
    node,
    module: podHostModule({
      pods,
      content,
      grants: new GrantVerifier({
        clusterId: node.clusterId,
        keysFor: (issuer) => node.directory.keysFor(issuer, 'grant'),
      }),
      desk: { ticket: (bind, maxBytes) => ({ url, maxBytes, ...tokens.issue({ bind, maxBytes }) }) },
    }),
    registry: metrics.registry,
    nestLogger: nestLogger(logger),
    joinWith: async () => {
      await store.clearStaging();
      const { sealed, damaged } = await sealPlainResources(repository, store);
      if (sealed > 0) logger.info({ sealed, damaged }, 'sealed resources from before pods had keys');
      await sweep();
      sweeping.timer = setInterval(() => {
        sweep().catch((error: unknown) => logger.warn({ err: error }, 'what was left behind was not erased'));
      }, config.sweepEveryMs).unref();
      const port = await server.listen();
      const base = config.publicUrl ?? `http://${config.host}:${port}`;
      url = `${base}${contentPath}`;
      return { url: base, certificate, index: surroundings.index };
    },
    onDrain: () => server.drain(),
    onClose: async () => {
      clearInterval(sweeping.timer);
      await server.close();
      await database.close();
    },
  });
}
