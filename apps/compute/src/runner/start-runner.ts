import type { Env } from '#config';
import { type GrantClaims, indexClaim, transferTokenLifetimeMs } from '#contracts';
import { WatershedError } from '#errors';
import { repositoryName } from '#model-repository';
import { ClusterNode, certificateAt, onExpelled, type RunningApp, type Surroundings, startNodeApp } from '#node';
import { evaluate, regionCovers } from '#policy';
import { GrantVerifier } from '#sigil';
import { createLogger, createMetrics, type Logger, nestLogger } from '#telemetry';
import { TransferClient, TransferTokens } from '#transfer';
import { runnerConfig } from './config.js';
import { Admission } from './inference/engine/admission.js';
import { type Booking, InferenceDesk } from './inference/engine/inference-desk.js';
import { InferenceEngine } from './inference/engine/inference-engine.js';
import { InferenceHttpServer, inferencePath } from './inference/inference-http.server.js';
import { BlobStore } from './model/blob-store.js';
import { MemoryBudget } from './model/engine/memory-budget.js';
import { ModelLifecycle } from './model/engine/model-lifecycle.js';
import { checkModelFile } from './model/model-file.check.js';
import { SignedModelTrust } from './model/model-trust.adapter.js';
import { PublisherKeys } from './model/publisher-keys.js';
import { RegistryBlobSource } from './model/registry-blob.source.js';
import { runnerModule } from './runner.module.js';
import { modelServerState } from './server/model-server-state.js';
import { ModelServerWatch } from './server/model-server-watch.js';
import { openModelServer } from './server/open-model-server.js';
import { StallWatch } from './server/stall-watch.js';
import { tracedInference } from './server/traced-inference.js';
import { TritonClaim } from './server/triton-claim.adapter.js';

const now = () => performance.now();
const pullAttempts = 3;
// A load answers before its caller's five seconds are over, done or not.
const answerLoadWithinMs = 3_000;
const eagerWatchMs = 100;
// Some 200 bytes each, and each lives for half a minute at most.
const ticketsAhead = 10_000;
/** A release takes no time; the method asks for one all the same. */
const claimReleaseMs = 1_000;

/** Starts a runner: one model server, the models that the orchestrator wants there, inferences under tickets. */
export async function startRunner(env: Env, surroundings: Surroundings = {}): Promise<RunningApp> {
  const config = runnerConfig(env);
  const logger = createLogger({ service: 'runner', level: config.logLevel });
  const metrics = createMetrics('runner');
  const budget = new MemoryBudget(config.modelMemoryBytes);
  const admission = new Admission({
    capacity: config.capacity,
    capacityBytes: config.capacityBytes,
    ticketLifetimeMs: transferTokenLifetimeMs,
    now,
  });
  // Nothing of it runs yet: the embedded server starts with the first model.
  const served: { models?: ModelLifecycle } = {};
  const steps = new StallWatch({
    limitMs: config.inferTimeoutMs,
    stalled: (name, version) => served.models?.hung(name, version),
    now,
  });
  const { supervisor, server, host } = await openModelServer(config, logger, steps);
  const node = await ClusterNode.prepare({
    env,
    services: ['runner'],
    types: ['compute'],
    capabilities: { modelMemoryBytes: config.modelMemoryBytes },
    load: () => ({
      inFlight: admission.inFlight,
      capacity: admission.capacity,
      freeModelMemoryBytes: budget.freeBytes,
    }),
    models: () => served.models?.served() ?? [],
    logger,
    metrics,
    neighbours: surroundings.neighbours,
  }).catch(async (error: unknown) => {
    await supervisor.close();
    throw error;
  });
  let claim: TritonClaim | undefined;
  const certificate = await node.certificateFor(config.publicUrl);
  const transfer = new TransferClient({
    tracing: node.tracing,
    network: config.network,
    certificateOf: (origin) => certificateAt(node.directory.all(), origin),
  });
  const publishers = new PublisherKeys(node.bus, now);
  const models = new ModelLifecycle({
    host,
    blobs: new BlobStore({
      folder: config.blobFolder,
      capacityBytes: config.cacheBytes,
      source: new RegistryBlobSource(node.bus, transfer),
      attempts: pullAttempts,
    }),
    trust: new SignedModelTrust({
      registryKeys: () =>
        node.directory
          .all()
          .filter((entry) => entry.health !== 'expelled' && entry.manifest.services.includes('registry'))
          .flatMap((entry) => node.directory.keysFor(entry.nodeId, 'model')),
      publisherKey: (operatorId) => publishers.keyOf(operatorId),
      checkFile: checkModelFile,
    }),
    budget,
    servedName: repositoryName,
    mayRunHere: (regions) => regions.length === 0 || regions.some((rule) => regionCovers(rule, config.region)),
    answerWithinMs: answerLoadWithinMs,
    drainLimitMs: config.inferTimeoutMs,
    // A gateway that waited for the next heartbeat would refuse for up to a second what can be served.
    changed: () => node.beatSoon(),
    now,
    logger,
  });
  served.models = models;
  const watch = new ModelServerWatch({
    lifecycle: models,
    server,
    supervisor,
    intervalMs: config.watchIntervalMs,
    eagerMs: eagerWatchMs,
    logger,
  });
  const engine = new InferenceEngine({
    server: tracedInference(server, node.tracing),
    ended: (entry, generation, end) => models.ended(entry, generation, end),
    unreachable: () => watch.soon(),
  });
  const tokens = new TransferTokens<Booking>({ capacity: config.capacity + ticketsAhead });
  onExpelled(node.directory, () => tokens.revokeAll());
  const seconds = metrics.histogram('runner_inference_seconds', 'From the content to its answer', ['outcome']);
  const http = new InferenceHttpServer({
    host: config.host,
    port: config.port,
    tls: certificate,
    engine,
    redeem: (token) => tokens.redeemTransfer(token),
    admission,
    inferTimeoutMs: config.inferTimeoutMs,
    bodyTimeoutMs: config.bodyTimeoutMs,
    tracing: node.tracing,
    observe: (outcome, took) => seconds.observe({ outcome }, took),
    onInternalError: (error) => logger.error({ err: error }, 'an inference failed inside the runner'),
  });
  metrics.gauge('runner_in_flight', 'Tickets and inferences now', [], (gauge) => gauge.set(admission.inFlight));
  metrics.gauge('runner_model_memory_free_bytes', 'Model memory left', [], (gauge) => gauge.set(budget.freeBytes));
  metrics.gauge('runner_model_server', 'Whether it answers where it is needed', ['kind', 'version'], async (gauge) => {
    gauge.reset();
    const { kind, live, version } = await modelServerState({ supervisor, server });
    // One of our own starts with the first model.
    const idle = supervisor.url() === undefined && [...models.all()].length === 0;
    gauge.set({ kind, version }, live || idle ? 1 : 0);
  });
  let url = '';
  const desk = new InferenceDesk({
    admission,
    find: (model, version) => models.find(model, version),
    verifyGrant: verifierOf(node),
    judge: (claims) => judge(claims, config.region),
    issue: (booking, maxBytes, count) => tokens.issueMany({ bind: booking, maxBytes }, count),
    outstanding: () => tokens.size,
    aheadCapacity: ticketsAhead,
    url: () => url,
    maxBodyBytes: config.maxBodyBytes,
  });
  const running = await startNodeApp({
    name: 'runner',
    node,
    module: runnerModule({ desk, models }),
    registry: metrics.registry,
    nestLogger: nestLogger(logger),
    joinWith: async () => {
      const port = await http.listen();
      const base = config.publicUrl ?? `http://${config.host}:${port}`;
      url = `${base}${inferencePath}`;
      return { url: base, certificate, index: surroundings.index };
    },
    onStarted: async () => {
      if (config.triton) claim = await claimOf(node, config.triton.url, logger);
    },
    onDrain: async () => {
      await http.drain();
      await claim?.release();
    },
    onClose: async () => {
      await http.close();
      await watch.close();
      await models.close();
      await server.close();
      await supervisor.close();
      await transfer.close();
    },
  });
  return { ...running, url: url.slice(0, -inferencePath.length) };
}

/** Asked of the index once this node has joined it; a start whose Triton serves another runner ends here. */
function claimOf(node: ClusterNode, url: string, logger: Logger): Promise<TritonClaim> {
  const ask = async (resource: string, wanted: 'taken' | 'released', ttlMs: number): Promise<string> =>
    (await node.bus.call(indexClaim, { resource, wanted, ttlMs })).holder ?? '';
  const claims = {
    take: (resource: string, ttlMs: number) => ask(resource, 'taken', ttlMs),
    release: async (resource: string) => void (await ask(resource, 'released', claimReleaseMs)),
  };
  return TritonClaim.take({ claims, nodeId: node.nodeId, url, logger });
}

/** Grants of the cluster's gateways, by the keys in their manifests. */
function verifierOf(node: ClusterNode): (grant: string) => Promise<GrantClaims> {
  const verifier = new GrantVerifier({
    clusterId: node.clusterId,
    keysFor: (issuer) =>
      node.directory.get(issuer)?.manifest.services.includes('gateway') ? node.directory.keysFor(issuer, 'grant') : [],
    cacheSize: 10_000,
  });
  return (grant) => verifier.verify(grant, { action: 'infer' });
}

/** Every hop judges for itself. A cluster is one region's, so within it the data is at home where the runner is. */
function judge(claims: GrantClaims, region: string): WatershedError | undefined {
  const verdict = evaluate({ policy: claims.policy, action: 'infer', destinationRegion: region, homeRegion: region });
  return verdict.allowed ? undefined : new WatershedError(verdict.code, verdict.reason);
}
