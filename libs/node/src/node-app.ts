import type { DynamicModule, INestApplication, INestMicroservice, LoggerService, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Registry } from 'prom-client';
import type { ServiceName } from '#contracts';
import type { ServerCertificate } from '#tls';
import { CLUSTER_NODE, type ClusterNode, type JoinOptions } from './cluster-node.js';
import { HttpStop } from './http-stop.js';
import type { RunningApp } from './running-app.js';

export interface NodeAppHttp {
  readonly host: string;
  /** 0 is any free one. */
  readonly port: number;
  /** It speaks HTTPS with this, and the node's manifest names it; HTTP when absent. */
  readonly certificate?: ServerCertificate | undefined;
  readonly bodyLimitBytes?: number;
  /** Options of Fastify itself, such as `trustProxy` or `requestTimeout`. */
  readonly fastify?: Readonly<Record<string, unknown>>;
  /** Keeps the bytes of a body beside the parsed one (`request.rawBody`). */
  readonly rawBody?: boolean;
  /** False where the app brings its own body parsers. */
  readonly bodyParser?: boolean;
  /** Before listening: pipes, CORS, Swagger, raw Fastify hooks. */
  readonly configure?: (app: NestFastifyApplication) => Promise<void> | void;
  /** What others reach it by, when not `http://host:port`. */
  readonly publicUrl?: string;
}

export interface NodeAppOptions {
  readonly name: ServiceName;
  /** Prepared, not joined. Closed by the app, also when starting fails. */
  readonly node: ClusterNode;
  /** The app's module, with its `@BusHandler` controllers in `controllers`; `CLUSTER_NODE` is provided globally. */
  readonly module: Type<unknown> | DynamicModule;
  readonly registry: Registry;
  /** Nest's own messages; none when absent. */
  readonly nestLogger?: LoggerService;
  /** Absent: the app serves no HTTP. */
  readonly http?: NodeAppHttp;
  /** What else the join needs, once the app's providers are there. */
  readonly joinWith?: (app: INestApplication | INestMicroservice) => Promise<JoinOptions> | JoinOptions;
  /** After the join: what needs the rest of the cluster. */
  readonly onStarted?: (app: INestApplication | INestMicroservice) => Promise<void> | void;
  /** After HTTP requests and bus calls in flight are answered: what else must be finished before closing. */
  readonly onDrain?: (app: INestApplication | INestMicroservice) => Promise<void>;
  /** After Nest has closed: what the app's `start` opened itself. Also called when starting fails. */
  readonly onClose?: () => Promise<void>;
}

interface Shell {
  readonly app: INestApplication | INestMicroservice;
  readonly url: string | undefined;
  /** Stops listening, refuses what comes on open connections, resolves when requests in flight are answered. */
  stopHttp(): Promise<void>;
  /** Closes Nest, and with it connections whose requests nobody waits for any more. */
  close(): Promise<void>;
}

class AppRoot {}
class NodeModule {}

const rootOf = (options: NodeAppOptions): DynamicModule => ({
  module: AppRoot,
  imports: [
    {
      module: NodeModule,
      global: true,
      providers: [{ provide: CLUSTER_NODE, useValue: options.node }],
      exports: [CLUSTER_NODE],
    },
    options.module,
  ],
});

/** Starts a Nest app on a prepared node in the right order (handlers, ports, then the join) and stops it in the reverse. */
export async function startNodeApp(options: NodeAppOptions): Promise<RunningApp> {
  const { node, onClose } = options;
  let shell: Shell | undefined;
  try {
    shell = options.http ? await startHttp(options, options.http) : await startBusOnly(options);
    const joining = (await options.joinWith?.(shell.app)) ?? {};
    const { certificate } = options.http ?? {};
    await node.join({ ...(shell.url ? { url: shell.url } : {}), certificate, ...joining });
    await options.onStarted?.(shell.app);
  } catch (error) {
    await shell?.close();
    await node.close();
    await onClose?.();
    throw error;
  }
  const running = shell;
  let drained: Promise<void> | undefined;
  let closed: Promise<void> | undefined;
  let draining = false;

  const drain = async (): Promise<void> => {
    draining = true;
    node.startDraining();
    await running.stopHttp();
    await node.bus.drain();
    await options.onDrain?.(running.app);
    // Not only in `close`: an index of the same process has by then drained itself and takes no good-byes.
    await node.leave('asleep');
  };
  const close = async (): Promise<void> => {
    draining = true;
    await node.leave('asleep');
    await running.close();
    await node.close();
    await onClose?.();
  };
  return {
    name: options.name,
    nodeId: node.nodeId,
    ...(running.url ? { url: running.url } : {}),
    metrics: options.registry,
    ready: () => !draining && node.joined && node.bus.status === 'connected',
    drain: () => {
      drained ??= drain();
      return drained;
    },
    close: () => {
      closed ??= close();
      return closed;
    },
  };
}

async function startBusOnly(options: NodeAppOptions): Promise<Shell> {
  const app = await NestFactory.createMicroservice(rootOf(options), {
    strategy: options.node.bus.server,
    logger: options.nestLogger ?? false,
    abortOnError: false,
  });
  await app.listen();
  return { app, url: undefined, stopHttp: async () => undefined, close: () => app.close() };
}

async function startHttp(options: NodeAppOptions, http: NodeAppHttp): Promise<Shell> {
  // Loaded only where it is needed: half of the services speak over the bus alone.
  const { FastifyAdapter } = await import('@nestjs/platform-fastify');
  const { certificate } = http;
  const adapter = new FastifyAdapter({
    ...(certificate ? { https: { cert: certificate.cert, key: certificate.key } } : {}),
    ...(http.bodyLimitBytes === undefined ? {} : { bodyLimit: http.bodyLimitBytes }),
    ...http.fastify,
  });
  const stop = new HttpStop(adapter.getInstance().server);
  const app = await NestFactory.create<NestFastifyApplication>(rootOf(options), adapter, {
    logger: options.nestLogger ?? false,
    abortOnError: false,
    rawBody: http.rawBody ?? false,
    ...(http.bodyParser === undefined ? {} : { bodyParser: http.bodyParser }),
  });
  app.connectMicroservice({ strategy: options.node.bus.server });
  await http.configure?.(app);
  await app.startAllMicroservices();
  await app.listen(http.port, http.host);
  const address = app.getHttpServer().address();
  const port = typeof address === 'object' && address ? address.port : http.port;
  const host = http.host.includes(':') ? `[${http.host}]` : http.host;
  return {
    app,
    url: http.publicUrl ?? `${certificate ? 'https' : 'http'}://${host}:${port}`,
    // Fastify stops listening and answers 503 to what still comes on open connections.
    stopHttp: () => stop.whenAnswered(adapter.getInstance().close()),
    close: () => stop.now(app.close()),
  };
}
