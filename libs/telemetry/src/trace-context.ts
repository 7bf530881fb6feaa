import { randomFillSync } from 'node:crypto';
import { type Context, ROOT_CONTEXT, type SpanContext, TraceFlags, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';

/**
 * Carries OpenTelemetry contexts along asynchronous calls. It is not registered as OpenTelemetry's global manager:
 * what it carries belongs to one chain of calls, so that two clusters in one process do not meet here.
 */
const manager = new AsyncLocalStorageContextManager().enable();

const traceparentForm = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const noTrace = '0'.repeat(32);
const noSpan = '0'.repeat(16);

/** The context that this chain of calls runs in. */
export function currentContext(): Context {
  return manager.active();
}

export function runInContext<Result>(context: Context, fn: () => Result): Result {
  return manager.with(context, fn);
}

/** W3C Trace Context of the running call, for the next hop; undefined outside of any trace. */
export function currentTraceparent(): string | undefined {
  const span = trace.getSpanContext(manager.active());
  return span ? formatTraceparent(span) : undefined;
}

/** The same as the header of a request over HTTP. */
export function traceHeaders(): Record<string, string> {
  const traceparent = currentTraceparent();
  return traceparent === undefined ? {} : { traceparent };
}

/** `traceId` and `spanId` of the running call, for log lines. */
export function currentTraceIds(): { traceId: string; spanId: string } | undefined {
  const span = trace.getSpanContext(manager.active());
  return span ? { traceId: span.traceId, spanId: span.spanId } : undefined;
}

/** Runs `fn` in the trace of a `traceparent` that came in; in a new trace where it is absent or malformed. */
export function runWithTraceparent<Result>(traceparent: string | undefined, fn: () => Result): Result {
  const span = (traceparent === undefined ? undefined : parseTraceparent(traceparent)) ?? newSpanContext();
  return manager.with(trace.setSpanContext(ROOT_CONTEXT, span), fn);
}

/** A span context below `parent`, or the root of a new trace. */
export function newSpanContext(parent?: SpanContext): SpanContext {
  return {
    traceId: parent?.traceId ?? randomHex(16),
    spanId: randomHex(8),
    traceFlags: parent?.traceFlags ?? TraceFlags.SAMPLED,
  };
}

/** W3C Trace Context §3.2: version ff, all-zero ids and other lengths in version 00 are invalid. */
export function parseTraceparent(text: string): SpanContext | undefined {
  const match = traceparentForm.exec(text);
  const [, version, traceId, spanId, flags, rest] = match ?? [];
  if (!version || !traceId || !spanId || !flags || version === 'ff' || traceId === noTrace || spanId === noSpan) {
    return undefined;
  }
  if (version === '00' && rest !== undefined) return undefined;
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & TraceFlags.SAMPLED, isRemote: true };
}

function formatTraceparent(span: SpanContext): string {
  return `00-${span.traceId}-${span.spanId}-${(span.traceFlags & TraceFlags.SAMPLED) === 0 ? '00' : '01'}`;
}

// Random bytes are drawn many at a time: one draw costs more than a whole span otherwise.
const pool = Buffer.alloc(4096);
let used = pool.length;

function randomHex(bytes: number): string {
  let hex: string;
  do {
    if (used + bytes > pool.length) {
      randomFillSync(pool);
      used = 0;
    }
    hex = pool.toString('hex', used, used + bytes);
    used += bytes;
  } while (/^0+$/.test(hex));
  return hex;
}
