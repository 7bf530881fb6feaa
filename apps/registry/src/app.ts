import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Env } from '#config';
import { ClusterNode, type RunningApp, type Surroundings, startNodeApp } from '#node';
import { OutboxRelay, openDatabase } from '#persistence';
import { keyFileOf, loadOrCreateSigil } from '#sigil';
import { createLogger, createMetrics, nestLogger } from '#telemetry';
import { BlobStore } from './blob/engine/blob-store.js';
import { registryConfig } from './config.js';
import { ModelRepository } from './model/model.repository.js';
import { RegistryModule } from './registry.module.js';

/** Starts the registry: models as signed versions over blobs. */
export async function startRegistry(env: Env, surroundings: Surroundings = {}): Promise<RunningApp> {
  const config = registryConfig(env);
  const logger = createLogger({ service: 'registry', level: config.logLevel });
  const metrics = createMetrics('registry');
  const modelSigil = await loadOrCreateSigil(keyFileOf(config.dataDir, 'model'), 'model');
  const node = await ClusterNode.prepare({
    env,
    services: ['registry'],
    types: ['core'],
    purposeKeys: [{ purpose: 'model', key: modelSigil.publicJwk }],
    load: () => ({ inFlight: 0, capacity: 100 }),
    logger,
    metrics,
    neighbours: surroundings.neighbours,
  });
  const database = await openDatabase({
    url: config.databaseUrl.reveal(),
    applicationName: 'watershed-registry',
    poolSize: 3,
  });
  const certificate = await node.certificateFor(config.publicUrl);
  const sweeps: { timer?: NodeJS.Timeout } = {};
  return startNodeApp({
    name: 'registry',
    node,
    module: RegistryModule.with({ config, database, modelSigil, logger, metrics }),
    registry: metrics.registry,
    nestLogger: nestLogger(logger),
    http: {
      host: config.host,
      port: config.port,
      certificate,
      ...(config.publicUrl ? { publicUrl: config.publicUrl } : {}),
      bodyParser: false,
      // An upload of gigabytes takes its time; one whose sender is silent is ended by the blob store.
      // A stop cuts downloads off as it does uploads: they can be gone on with.
      fastify: { requestTimeout: 0, forceCloseConnections: true },
      configure: takeStreams,
    },
    joinWith: async (app) => {
      const [blobs, store] = [app.get(BlobStore, { strict: false }), app.get(ModelRepository, { strict: false })];
      const sweep = async () => {
        const removed = await blobs.sweep(config.uploadTtlMs, (sha256) => store.isReferenced(sha256));
        if (removed > 0) logger.info({ removed }, 'removed uploads that nobody finished and blobs that no version has');
      };
      await sweep();
      // A registry may run for months: what was given up meanwhile must not fill its disk.
      sweeps.timer = setInterval(() => {
        sweep().catch((error: unknown) => logger.warn({ err: error }, 'uploads that were given up were not removed'));
      }, config.sweepEveryMs).unref();
      await app.get(OutboxRelay, { strict: false }).start();
      return { index: surroundings.index };
    },
    onClose: async () => {
      clearInterval(sweeps.timer);
      await database.close();
    },
  });
}

/** Bodies are blobs whatever their type says: nothing parses or gathers them. */
function takeStreams(app: NestFastifyApplication): void {
  const fastify = app.getHttpAdapter().getInstance();
  // A stop does not wait for gigabytes: what is here stays, and its sender goes on with the next run.
  fastify.addHook('preClose', () => app.get(BlobStore, { strict: false }).close());
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('*', (_request, _payload, done) => done(null));
}
