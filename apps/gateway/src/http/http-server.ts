import cors from '@fastify/cors';
import rateLimit from '@fastify/rate-limit';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyInstance } from 'fastify';
import { WatershedError } from '#errors';
import { type Logger, type Metrics, runWithTraceparent, type Tracing } from '#telemetry';
import type { GatewayCluster } from '../cluster/cluster.port.js';
import type { GatewayConfig } from '../config.js';
import { localRoute } from '../inference/engine/route-header.js';
import { installBodyParsers } from './body-parsers.js';
import type { Drain } from './drain.js';
import { sendProblem } from './problem.filter.js';
import { newRequestId } from './problem.js';
import type { FastifyReply, FastifyRequest } from './request.js';
import { RouteTable } from './route-table.js';
import { refuseExpectations, refuseUnreadable } from './unreadable-request.js';

// A request without Host is refused below, as a problem; Node would answer nothing but a status.
const limits = { headersTimeout: 15_000, maxHeaderSize: 32_768, requireHostHeader: false };

const exposedHeaders = [
  'Watershed-Route',
  'Watershed-Cost-Micro',
  'Watershed-Request-Id',
  'Idempotency-Replayed',
  'Inference-Header-Content-Length',
  'RateLimit-Limit',
  'RateLimit-Remaining',
  'RateLimit-Reset',
  'Retry-After',
  'ETag',
];

export interface HttpServerParts {
  readonly config: GatewayConfig;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly drain: Drain;
  readonly cluster: Pick<GatewayCluster, 'tracing'>;
}

/** Fastify as the gateway wants it: our parsers, headers, limits and refusals, before any route is known. */
export async function createHttpAdapter(parts: HttpServerParts): Promise<FastifyAdapter> {
  const { config, logger, metrics, drain, cluster } = parts;
  const adapter = new GatewayHttpAdapter({
    logger: false,
    skipMiddie: true,
    genReqId: newRequestId,
    requestIdHeader: false,
    trustProxy: config.trustedProxies.length > 0 ? [...config.trustedProxies] : false,
    bodyLimit: Math.max(config.limits.blobBytes, config.limits.resourceBytes),
    routerOptions: { maxParamLength: 512 },
    // The time for a body is kept by the parsers: an upload of gigabytes may take longer than any one limit.
    requestTimeout: 0,
    keepAliveTimeout: 72_000,
    ...(config.tls ? { https: { ...limits, cert: config.tls.cert, key: config.tls.key } } : { http: limits }),
    clientErrorHandler: (error, socket) => refuseUnreadable(error, socket),
    return503OnClosing: false,
    frameworkErrors: (error: unknown, request: FastifyRequest, reply: FastifyReply) =>
      sendProblem(error, request, reply, logger),
  });
  const instance: FastifyInstance = adapter.getInstance();
  adapter.problems = logger;
  instance.addHook('onRoute', ({ url, method }) => {
    adapter.routes.add(url, typeof method === 'string' ? [method] : method);
  });
  instance.decorateRequest('principal', undefined);
  instance.decorateRequest('rawBody', undefined);
  installBodyParsers(instance, config.limits);
  installHooks(instance, metrics, drain, cluster.tracing);
  refuseExpectations(instance.server);
  if (config.corsOrigins.length > 0) {
    const origin = config.corsOrigins.includes('*') ? '*' : [...config.corsOrigins];
    await instance.register(cors, {
      origin,
      exposedHeaders,
      maxAge: 600,
      strictPreflight: false,
      methods: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
    });
  }
  await instance.register(rateLimit, { global: false, cache: 20_000 });
  return adapter;
}

function installHooks(instance: FastifyInstance, metrics: Metrics, drain: Drain, tracing: Tracing | undefined): void {
  const duration = metrics.histogram('http_request_seconds', 'Requests by route and class of status', [
    'route',
    'status',
  ]);
  metrics.gauge('requests_in_flight', 'Requests and inferences that are not finished', [], (gauge) =>
    gauge.set(drain.requestsInFlight),
  );
  instance.addHook('onRequest', (request, reply, done) => {
    drain.enter();
    reply.raw.once('close', () => drain.leave());
    reply.header('watershed-route', localRoute);
    reply.header('watershed-request-id', request.id);
    reply.header('x-content-type-options', 'nosniff');
    const { traceparent, host } = request.headers;
    if (host === undefined && request.raw.httpVersion === '1.1') {
      done(new WatershedError('invalid_request', 'The request has no Host header.'));
      return;
    }
    // Only who sends a trace is followed: on this Node a context costs every promise of the process a hook, a quarter
    // of what an inference costs in all.
    if (tracing) traced(tracing, request, reply, done);
    else if (typeof traceparent === 'string') runWithTraceparent(traceparent, done);
    else done();
  });
  instance.addHook('onSend', (_request, reply, _payload, done) => {
    // Who keeps a connection open learns here, with an answer in hand, that the next request must go elsewhere.
    if (drain.draining) reply.header('connection', 'close');
    done();
  });
  instance.addHook('onResponse', (request, reply, done) => {
    duration.observe(
      { route: request.routeOptions.url ?? 'none', status: `${Math.floor(reply.statusCode / 100)}xx` },
      reply.elapsedTime / 1000,
    );
    done();
  });
}

/** The request's span. Its path stays out of it: ids of people and names of their resources stand there. */
function traced(tracing: Tracing, request: FastifyRequest, reply: FastifyReply, done: () => void): void {
  const { traceparent } = request.headers;
  const route = request.routeOptions.url ?? 'none';
  const parent = typeof traceparent === 'string' ? traceparent : undefined;
  // A balancer's questions every second would be most of what a collector holds.
  if (parent === undefined && route.startsWith('/health/')) {
    done();
    return;
  }
  const span = tracing.open(parent, `${request.method} ${route}`, {
    'http.request.method': request.method,
    'http.route': route,
    'watershed.request_id': request.id,
  });
  reply.raw.once('close', () => {
    const status = reply.statusCode;
    span.end({ 'http.response.status_code': status }, status >= 500 || !reply.raw.writableFinished);
  });
  span.run(done);
}

/** Nest's adapter, but what matches no route is answered from the table of those that exist: 405 or 404. */
class GatewayHttpAdapter extends FastifyAdapter {
  readonly routes = new RouteTable();
  problems?: Logger;

  override setNotFoundHandler() {
    const { routes, problems } = this;
    return this.instance.setNotFoundHandler((request, reply) => {
      const { error, allow } = routes.refusal(request.method, request.url);
      if (allow) reply.header('allow', allow);
      if (problems) sendProblem(error, request, reply, problems);
    });
  }
}
