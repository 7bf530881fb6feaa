import { existsSync, readFileSync, statSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { Tracing } from '#telemetry';
import { Edge } from './http/edge.js';
import { BodyBudget } from './http/exchange.js';
import { CpuUtilization, metricsText } from './http/metrics.js';
import { ModelFiles } from './repository/model-files.js';
import { ModelRegistry } from './repository/model-registry.js';

export interface ModelServerOptions {
  /** The folder of models, in Triton's layout. */
  readonly repository: string;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** 0, the default: any free port. */
  readonly port?: number;
  /** A port of its own for `/metrics`; absent: the same as for everything else. */
  readonly metricsPort?: number;
  /** `explicit` (default): models are loaded and unloaded over HTTP; `none`: every model of the repository, at the start. */
  readonly modelControl?: 'explicit' | 'none';
  /** Loaded at the start, before the server is ready. */
  readonly load?: readonly string[];
  /** ONNX Runtime's threads a model, default 1. */
  readonly threads?: number;
  /** Largest body, compressed or not, default 128 MiB. */
  readonly maxBodyBytes?: number;
  /** Bytes of bodies held at once, default 512 MiB. */
  readonly maxHeldBytes?: number;
  /** Requests, and bytes of them, that wait for one model; default 1024 and 256 MiB. */
  readonly maxQueue?: number;
  readonly maxQueueBytes?: number;
  /** From first byte to last of a request, default 60 s; of its head, 10 s. */
  readonly requestTimeoutMs?: number;
  readonly loadTimeoutMs?: number;
  /** How long requests in flight may hold up an unload before the process is killed under them, default 60 s. */
  readonly unloadTimeoutMs?: number;
  /** How long `close` waits for requests in flight, default 30 s. */
  readonly drainTimeoutMs?: number;
  /** The built entry of a model's process; found beside this file when absent. */
  readonly childEntry?: string;
  readonly tracing?: Tracing;
  /** Told when the process of a version that served has ended, and not because the version was unloaded. */
  readonly onModelDied?: (name: string, version: number) => void;
  /** Told of errors that are the server's own. */
  readonly onFault?: (error: unknown) => void;
}

export interface RunningModelServer {
  readonly url: string;
  readonly metricsUrl: string;
  /**
   * Kills the processes of a model (of one version, when given) at once, whatever they do, and resolves when they are gone
   * and their memory is free. Requests in them are answered with status 500; the model is UNAVAILABLE until it is loaded
   * again. False: it had no process.
   */
  killModel(name: string, version?: number): Promise<boolean>;
  /** The processes of a model's versions, to measure or watch them; empty where it has none. */
  processIds(name: string): number[];
  /** Takes no new connection, answers what is in flight, ends every process. */
  close(): Promise<void>;
}

/** The server could not start; the message is one line for who started it. */
export class ModelServerStartError extends Error {
  override readonly name = 'ModelServerStartError';
}

const MIB = 1_048_576;
const CHILD = 'child/model-child.js';

/** The process's entry as it was built: beside this file when this is built itself, else in the build's folder. */
function builtChildEntry(): string {
  const own = fileURLToPath(new URL(CHILD, import.meta.url));
  const root = fileURLToPath(new URL('../../../../', import.meta.url));
  const found = [own, `${root}dist/apps/compute/src/model-server/${CHILD}`].find((path) => existsSync(path));
  if (!found) throw new ModelServerStartError('the model server is not built: run `npm run build`');
  return found;
}

const packageVersion = (): string => {
  for (const up of ['../../../../package.json', '../../../../../package.json']) {
    const path = fileURLToPath(new URL(up, import.meta.url));
    if (existsSync(path)) return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version;
  }
  return '0.0.0';
};

/** Starts a server of the Open Inference Protocol over ONNX Runtime. Throws `ModelServerStartError`. */
export async function startModelServer(options: ModelServerOptions): Promise<RunningModelServer> {
  const { repository, host = '127.0.0.1', modelControl = 'explicit', drainTimeoutMs = 30_000 } = options;
  if (!existsSync(repository) || !statSync(repository).isDirectory()) {
    throw new ModelServerStartError(`the model repository ${repository} is no folder`);
  }
  const files = new ModelFiles(repository);
  const registry = new ModelRegistry({
    files,
    childEntry: options.childEntry ?? builtChildEntry(),
    threads: options.threads ?? 1,
    loadTimeoutMs: options.loadTimeoutMs ?? 120_000,
    unloadTimeoutMs: options.unloadTimeoutMs ?? 60_000,
    maxQueue: options.maxQueue ?? 1024,
    maxQueueBytes: options.maxQueueBytes ?? 256 * MIB,
    died: options.onModelDied,
  });
  let ready = false;
  const cpu = new CpuUtilization();
  const metrics = () => metricsText(registry, cpu);
  const separate = options.metricsPort !== undefined;
  const edge = new Edge({
    registry,
    budget: new BodyBudget(options.maxBodyBytes ?? 128 * MIB, options.maxHeldBytes ?? 512 * MIB),
    version: packageVersion(),
    explicit: modelControl === 'explicit',
    isReady: () => ready,
    onFault: options.onFault ?? (() => undefined),
    tracing: options.tracing,
    ...(!separate && { metrics }),
  });
  const servers = [httpServer((request, response) => edge.handle(request, response), options)];
  if (separate) servers.push(httpServer(metricsListener(metrics), options));
  const close = async () => {
    ready = false;
    await Promise.all(servers.map((server) => drain(server, drainTimeoutMs)));
    await registry.close();
  };
  try {
    const urls = await Promise.all(
      servers.map((server, i) => listen(server, host, (i === 0 ? options.port : options.metricsPort) ?? 0)),
    );
    const wanted = modelControl === 'none' ? await files.names() : (options.load ?? []);
    await Promise.all(wanted.map((name) => registry.load(name, { files: new Map() })));
    ready = true;
    const [url = ''] = urls;
    return {
      url,
      metricsUrl: `${urls.at(-1) ?? url}/metrics`,
      close,
      killModel: (name, version) => registry.kill(name, version),
      processIds: (name) => registry.processIds(name),
    };
  } catch (error) {
    await close();
    throw error instanceof ModelServerStartError
      ? error
      : new ModelServerStartError(error instanceof Error ? error.message : String(error));
  }
}

function metricsListener(metrics: () => string): RequestListener {
  return (request, response) => {
    const found = request.url === '/metrics' && request.method === 'GET';
    response.writeHead(found ? 200 : 404, { 'content-type': 'text/plain; charset=utf-8' });
    response.end(found ? metrics() : 'Not Found\n');
  };
}

function httpServer(listener: RequestListener, { requestTimeoutMs = 60_000 }: ModelServerOptions): Server {
  const timeouts = {
    headersTimeout: Math.min(10_000, requestTimeoutMs),
    requestTimeout: requestTimeoutMs,
    connectionsCheckingInterval: Math.min(2_000, requestTimeoutMs),
  };
  const server = createServer({ ...timeouts, keepAliveTimeout: 30_000, noDelay: true }, listener);
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (socket.destroyed || !socket.writable || error.code === 'ECONNRESET') return socket.destroy();
    const status = error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? '408 Request Timeout' : '400 Bad Request';
    const body = JSON.stringify({ error: status.slice(4) });
    const head = `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\nconnection: close`;
    socket.end(`${head}\r\n\r\n${body}`);
  });
  return server;
}

function listen(server: Server, host: string, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const why = error.code === 'EADDRINUSE' ? 'is in use' : `cannot be listened on: ${error.message}`;
      reject(new ModelServerStartError(`port ${port} on ${host} ${why}`));
    });
    server.listen(port, host, () => {
      const { port: own } = server.address() as AddressInfo;
      resolve(`http://${host.includes(':') ? `[${host}]` : host}:${own}`);
    });
  });
}

/** Refuses new connections at once, lets requests in flight finish, and after the timeout ends what is left. */
async function drain(server: Server, timeoutMs: number): Promise<void> {
  if (!server.listening) return;
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const idle = setInterval(() => server.closeIdleConnections(), 50);
  const force = setTimeout(() => server.closeAllConnections(), timeoutMs);
  await closed;
  clearInterval(idle);
  clearTimeout(force);
}
