import {
  type Attributes,
  type Context,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import type { Sampler, SpanProcessor } from '@opentelemetry/sdk-trace-base';
import { OtlpJsonExporter } from './otlp-json-exporter.js';
import { currentContext, parseTraceparent, runInContext } from './trace-context.js';

const kinds = { server: SpanKind.SERVER, client: SpanKind.CLIENT, internal: SpanKind.INTERNAL } as const;
export type SpanRole = keyof typeof kinds;

/** A span that begins and ends in different callbacks. */
export interface OpenSpan {
  run<Result>(fn: () => Result): Result;
  end(attributes?: Attributes, failed?: boolean): void;
}

/**
 * Spans of one app. Names and attributes name methods, routes, models and outcomes, never a person, an address of theirs
 * or content. An app that is not traced has none of this at all: whoever would make a span asks for `undefined` first.
 */
export interface Tracing {
  /** Runs `fn` as a span below the running one; where no trace led here (heartbeats, sweeps) just runs it. */
  span<Result>(name: string, role: SpanRole, attributes: Attributes, fn: () => Promise<Result>): Promise<Result>;
  /** The same for what came in with a `traceparent`; a malformed one is as none. */
  receive<Result>(
    traceparent: string | undefined,
    name: string,
    attributes: Attributes,
    fn: () => Promise<Result>,
  ): Promise<Result>;
  /** A request's span: below `traceparent`, or the root of a new trace. */
  open(traceparent: string | undefined, name: string, attributes: Attributes): OpenSpan;
  /** Adds to the running span. */
  annotate(attributes: Attributes): void;
  /** Carries the running trace to where a queue's turn would lose it. */
  bind(): <Result>(fn: () => Result) => Result;
  /** Sends what is left. */
  close(): Promise<void>;
}

export interface TracingOptions {
  readonly service: string;
  readonly processors: readonly SpanProcessor[];
  readonly sampler?: Sampler;
}

/** An OpenTelemetry provider of the app's own. */
export async function createTracing({ service, processors, sampler }: TracingOptions): Promise<Tracing> {
  // Loaded only where it is wanted: the SDK is a twentieth of what a small service weighs.
  const { BasicTracerProvider } = await import('@opentelemetry/sdk-trace-base');
  const provider = new BasicTracerProvider({ spanProcessors: [...processors], ...(sampler ? { sampler } : {}) });
  const tracer = provider.getTracer(`watershed-${service}`);
  const start = (context: Context, name: string, role: SpanRole, attributes: Attributes) =>
    tracer.startSpan(name, { attributes, kind: kinds[role] }, context);
  const run = async <Result>(context: Context, span: Span, fn: () => Promise<Result>): Promise<Result> => {
    try {
      return await runInContext(trace.setSpan(context, span), fn);
    } catch (error) {
      // Only the code: a message may quote what someone sent.
      span.setStatus({ code: SpanStatusCode.ERROR });
      if (error instanceof Error && 'code' in error) span.setAttribute('error.type', String(error.code));
      throw error;
    } finally {
      span.end();
    }
  };
  return {
    span: (name, role, attributes, fn) => {
      const context = currentContext();
      if (!trace.getSpanContext(context)) return fn();
      return run(context, start(context, name, role, attributes), fn);
    },
    receive: (traceparent, name, attributes, fn) => {
      const context = remoteContext(traceparent);
      if (context === ROOT_CONTEXT) return fn();
      return run(context, start(context, name, 'server', attributes), fn);
    },
    open: (traceparent, name, attributes) => {
      const context = remoteContext(traceparent);
      const span = start(context, name, 'server', attributes);
      return {
        run: (fn) => runInContext(trace.setSpan(context, span), fn),
        end: (more = {}, failed = false) => {
          span.setAttributes(more);
          if (failed) span.setStatus({ code: SpanStatusCode.ERROR });
          span.end();
        },
      };
    },
    annotate: (attributes) => void trace.getSpan(currentContext())?.setAttributes(attributes),
    bind: () => {
      const context = currentContext();
      return (fn) => runInContext(context, fn);
    },
    close: () => provider.shutdown(),
  };
}

export interface OtlpTracingOptions {
  readonly service: string;
  /** `service.instance.id`: the node. */
  readonly instance?: string;
  /** OTEL_EXPORTER_OTLP_ENDPOINT: where the collector stands; `/v1/traces` is added. */
  readonly endpoint: string;
  /** OTEL_EXPORTER_OTLP_HEADERS: `name=value,…`, percent-encoded; for the collector alone. */
  readonly headers?: string;
  /** OTEL_TRACES_SAMPLER_ARG: which part of the traces that begin here is recorded; one that came in has decided. */
  readonly ratio?: number;
  /** Told when the collector stops taking spans, once until it takes some again. */
  readonly onFailure?: (reason: string) => void;
}

/** Tracing that is sent to an OpenTelemetry collector by OTLP over HTTP in JSON, in batches, behind the work. */
export async function openOtlpTracing(options: OtlpTracingOptions): Promise<Tracing> {
  const { BatchSpanProcessor, ParentBasedSampler, TraceIdRatioBasedSampler } = await import(
    '@opentelemetry/sdk-trace-base'
  );
  const exporter = new OtlpJsonExporter({
    url: `${options.endpoint.replace(/\/+$/, '')}/v1/traces`,
    headers: parseHeaders(options.headers ?? ''),
    resource: {
      'service.namespace': 'watershed',
      'service.name': options.service,
      ...(options.instance === undefined ? {} : { 'service.instance.id': options.instance }),
    },
    onFailure: options.onFailure,
  });
  return createTracing({
    service: options.service,
    processors: [new BatchSpanProcessor(exporter, { scheduledDelayMillis: 1_000, exportTimeoutMillis: 3_000 })],
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(options.ratio ?? 1) }),
  });
}

function remoteContext(traceparent: string | undefined): Context {
  const parent = traceparent === undefined ? undefined : parseTraceparent(traceparent);
  return parent ? trace.setSpanContext(ROOT_CONTEXT, parent) : ROOT_CONTEXT;
}

function parseHeaders(text: string): Record<string, string> {
  const pairs = text.split(',').flatMap((pair) => {
    const at = pair.indexOf('=');
    return at > 0 ? [[pair.slice(0, at).trim().toLowerCase(), decodeURIComponent(pair.slice(at + 1).trim())]] : [];
  });
  return Object.fromEntries(pairs) as Record<string, string>;
}
