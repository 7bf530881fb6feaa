import type { IncomingMessage, ServerResponse } from 'node:http';
import { ProtocolError } from '#inference-protocol';
import type { Tracing } from '#telemetry';
import { toJson } from '../config/config-message.js';
import type { ModelRegistry } from '../repository/model-registry.js';
import type { ModelVersion } from '../repository/model-version.js';
import { StatusError } from '../status-error.js';
import { type BodyBudget, Exchange } from './exchange.js';
import { generate } from './generate.handler.js';
import { infer } from './infer.handler.js';
import { listModels, loadModel, unloadModel } from './repository.handler.js';
import { type Route, routeOf } from './routes.js';

export interface EdgeOptions {
  readonly registry: ModelRegistry;
  readonly budget: BodyBudget;
  readonly version: string;
  /** Whether models may be loaded and unloaded over HTTP. */
  readonly explicit: boolean;
  readonly isReady: () => boolean;
  /** The text of `GET /metrics`, where this port serves it. */
  readonly metrics?: () => string;
  /** What failed that should not have: kept from clients, told to the operator. */
  readonly onFault: (error: unknown) => void;
  /** Records requests that come with a trace. */
  readonly tracing?: Tracing;
}

const extensions = [
  'classification',
  'model_repository',
  'model_repository(unload_dependents)',
  'model_configuration',
  'binary_tensor_data',
  'parameters',
  'statistics',
  'generate',
];
const traceSetting = {
  trace_level: ['OFF'],
  trace_rate: '1000',
  trace_count: '-1',
  log_frequency: '0',
  trace_file: '',
  trace_mode: 'triton',
};
const logSetting = {
  log_file: '',
  log_info: true,
  log_warning: true,
  log_error: true,
  log_verbose_level: 0,
  log_format: 'default',
};

/** The server's HTTP interface: routes a request and turns whatever goes wrong into an answer. */
export class Edge {
  constructor(private readonly options: EdgeOptions) {}

  handle(request: IncomingMessage, response: ServerResponse): void {
    const exchange = new Exchange(request, response, this.options.budget);
    const { tracing } = this.options;
    const answered = tracing ? this.traced(tracing, exchange) : this.answer(exchange);
    answered.catch((error: unknown) => this.refuse(exchange, error));
  }

  private traced(tracing: Tracing, exchange: Exchange): Promise<void> {
    const name = routeOf(exchange.request.url ?? '')?.name ?? 'unknown route';
    return tracing.receive(exchange.header('traceparent'), name, {}, () => this.answer(exchange));
  }

  private refuse(exchange: Exchange, error: unknown): void {
    if (error instanceof StatusError) exchange.error(error.status, error.message);
    else if (error instanceof ProtocolError) exchange.error(error.fault === 'unreadable' ? 500 : 400, error.message);
    else {
      this.options.onFault(error);
      exchange.error(500, 'the server failed on this request');
    }
  }

  private async answer(exchange: Exchange): Promise<void> {
    const { url = '', method } = exchange.request;
    const { metrics, registry } = this.options;
    if (metrics && url === '/metrics' && method === 'GET') {
      return exchange.send(200, { 'content-type': 'text/plain; charset=utf-8' }, [metrics()]);
    }
    const route = routeOf(url);
    if (!route) throw new StatusError(404, 'Not Found');
    if (method !== route.method) throw new StatusError(405, 'Method Not Allowed');
    const version = versionOf(route.version);
    const model = () => registry.ready(route.model, version);
    switch (route.name) {
      case 'infer':
        return infer(exchange, model);
      case 'generate':
      case 'generate-stream':
        return generate(exchange, model, route.name === 'generate-stream');
      case 'live':
        return exchange.empty(200, 'text/plain');
      case 'ready':
        return exchange.empty(this.options.isReady() ? 200 : 400, 'text/plain');
      case 'metadata':
        return exchange.json(200, { name: 'watershed-model-server', version: this.options.version, extensions });
      case 'model-ready':
        if (!registry.isReady(route.model, version)) throw new StatusError(400, 'Model version not ready');
        return exchange.empty(200, 'text/plain');
      case 'model-metadata':
        return exchange.json(200, this.metadata(model(), version));
      case 'model-config':
        return exchange.json(200, toJson('ModelConfig', model().config.message));
      case 'model-stats':
        return exchange.json(200, { model_stats: this.statistics(route, version) });
      case 'index':
        return listModels(exchange, registry);
      case 'load':
      case 'unload':
        return this.control(exchange, route);
      case 'trace':
        return exchange.json(200, traceSetting);
      case 'logging':
        return exchange.json(200, logSetting);
      case 'shared-memory-status':
        return exchange.json(200, []);
      case 'shared-memory':
        throw new StatusError(501, 'shared memory is not supported');
    }
  }

  private async control(exchange: Exchange, route: Route): Promise<void> {
    if (route.repository !== '') throw new StatusError(501, "'repository_name' specification is not supported");
    if (!this.options.explicit) {
      throw new StatusError(503, 'explicit model load / unload is not allowed in this model control mode');
    }
    const act = route.name === 'load' ? loadModel : unloadModel;
    await act(exchange, this.options.registry, route.model);
  }

  private metadata(own: ModelVersion, version: number | undefined): Record<string, unknown> {
    const { name, maxBatchSize, inputs, outputs, platform, backend } = own.config;
    const versions = version === undefined ? this.options.registry.readyVersions(name) : [own];
    const batch = maxBatchSize > 0 ? [-1] : [];
    const tensors = (list: typeof inputs) =>
      list.map((tensor) => ({ name: tensor.name, datatype: tensor.datatype, shape: [...batch, ...tensor.dims] }));
    return {
      name,
      versions: versions.map((each) => String(each.version)),
      platform: platform || backend,
      inputs: tensors(inputs),
      outputs: tensors(outputs),
    };
  }

  private statistics(route: Route, version: number | undefined): Record<string, unknown>[] {
    const { registry } = this.options;
    const own = route.model === '' ? registry.all() : registry.readyVersions(route.model);
    const wanted = own.filter((each) => version === undefined || each.version === version);
    if (route.model !== '' && wanted.length === 0) {
      throw new StatusError(400, `requested model '${route.model}' is not available`);
    }
    return wanted.map((each) => each.statistics.toJson(each.name, String(each.version), each.memoryBytes));
  }
}

/** The version in a path. One beyond 64 bits is refused; one beyond what JavaScript counts is none that exists. */
function versionOf(text: string): number | undefined {
  if (text === '') return undefined;
  if (BigInt(text) >= 2n ** 63n) {
    throw new StatusError(
      400,
      `failed to get model version from specified version string '${text.slice(0, 40)}', version should be an integral value > 0`,
    );
  }
  return Number(text);
}
