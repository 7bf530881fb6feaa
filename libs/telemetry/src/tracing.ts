import { type Attributes, SpanStatusCode, type Tracer, trace } from '@opentelemetry/api';
import type { SpanProcessor } from '@opentelemetry/sdk-trace-base';
import { currentContext, newSpanContext, runInContext } from './trace-context.js';

/** Spans of one app. Attributes name methods, models and outcomes, never a person or content. */
export interface Tracing {
  /** Runs `fn` as a span below the running one. */
  span<Result>(name: string, attributes: Attributes, fn: () => Promise<Result>): Promise<Result>;
  close(): Promise<void>;
}

/**
 * With processors (exporters), spans are recorded by an OpenTelemetry provider of this app's own. Without any, only the
 * ids go on, so that logs and the next hop can be matched; the SDK is not even loaded then.
 */
export async function createTracing(service: string, processors: readonly SpanProcessor[] = []): Promise<Tracing> {
  if (processors.length === 0) return { span: idsOnly, close: async () => {} };
  const { BasicTracerProvider } = await import('@opentelemetry/sdk-trace-base');
  const provider = new BasicTracerProvider({ spanProcessors: [...processors] });
  const tracer = provider.getTracer(`watershed-${service}`);
  return {
    span: (name, attributes, fn) => recorded(tracer, name, attributes, fn),
    close: () => provider.shutdown(),
  };
}

function idsOnly<Result>(_name: string, _attributes: Attributes, fn: () => Promise<Result>): Promise<Result> {
  const context = currentContext();
  return runInContext(trace.setSpanContext(context, newSpanContext(trace.getSpanContext(context))), fn);
}

async function recorded<Result>(
  tracer: Tracer,
  name: string,
  attributes: Attributes,
  fn: () => Promise<Result>,
): Promise<Result> {
  const context = currentContext();
  const span = tracer.startSpan(name, { attributes }, context);
  try {
    return await runInContext(trace.setSpan(context, span), fn);
  } catch (error) {
    // Only the code: a message may quote what someone sent.
    span.setStatus({ code: SpanStatusCode.ERROR });
    if (error instanceof Error && 'code' in error) span.setAttribute('error.code', String(error.code));
    throw error;
  } finally {
    span.end();
  }
}
