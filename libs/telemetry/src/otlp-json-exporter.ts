import type { Attributes, AttributeValue, HrTime } from '@opentelemetry/api';
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace-base';

export interface OtlpJsonExporterOptions {
  /** The collector's `…/v1/traces`. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Attributes of the service that all spans come from. */
  readonly resource: Attributes;
  readonly timeoutMs?: number;
  readonly onFailure?: (reason: string) => void;
}

type Result = Parameters<Parameters<SpanExporter['export']>[1]>[0];
const succeeded = 0;
const failed = 1;

/**
 * OTLP over HTTP in its JSON form (opentelemetry-proto, `ExportTraceServiceRequest`): ids in hex, 64-bit numbers as
 * decimal strings. Spans that the collector does not take are dropped: a trace is a help, never a debt.
 */
export class OtlpJsonExporter implements SpanExporter {
  private readonly underWay = new Set<Promise<void>>();
  private failing = false;

  constructor(private readonly options: OtlpJsonExporterOptions) {}

  export(spans: ReadableSpan[], done: (result: Result) => void): void {
    const sending = this.send(spans).then(
      () => {
        this.failing = false;
        done({ code: succeeded });
      },
      (error: unknown) => {
        const reason = error instanceof Error ? error.message : String(error);
        if (!this.failing) this.options.onFailure?.(reason);
        this.failing = true;
        done({ code: failed, error: error instanceof Error ? error : new Error(reason) });
      },
    );
    this.underWay.add(sending);
    void sending.then(() => this.underWay.delete(sending));
  }

  async forceFlush(): Promise<void> {
    await Promise.all(this.underWay);
  }

  shutdown(): Promise<void> {
    return this.forceFlush();
  }

  private async send(spans: readonly ReadableSpan[]): Promise<void> {
    const { url, headers, timeoutMs = 2_000 } = this.options;
    const response = await fetch(url, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify(this.requestOf(spans)),
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
    });
    await response.body?.cancel();
    if (!response.ok) throw new Error(`the collector answered ${response.status}`);
  }

  private requestOf(spans: readonly ReadableSpan[]): object {
    const byScope = new Map<string, ReadableSpan[]>();
    for (const span of spans) {
      const { name } = span.instrumentationScope;
      byScope.set(name, [...(byScope.get(name) ?? []), span]);
    }
    return {
      resourceSpans: [
        {
          resource: { attributes: attributesOf(this.options.resource) },
          scopeSpans: [...byScope].map(([name, own]) => ({ scope: { name }, spans: own.map(spanOf) })),
        },
      ],
    };
  }
}

function spanOf(span: ReadableSpan): object {
  const { traceId, spanId, traceFlags } = span.spanContext();
  const parent = span.parentSpanContext;
  return {
    traceId,
    spanId,
    ...(parent ? { parentSpanId: parent.spanId } : {}),
    flags: traceFlags,
    name: span.name,
    kind: span.kind + 1, // the protocol counts from 1, 0 being "unspecified"
    startTimeUnixNano: nanoseconds(span.startTime),
    endTimeUnixNano: nanoseconds(span.endTime),
    attributes: attributesOf(span.attributes),
    status: { code: span.status.code },
  };
}

const nanoseconds = ([seconds, nanos]: HrTime): string => (BigInt(seconds) * 1_000_000_000n + BigInt(nanos)).toString();

function attributesOf(attributes: Attributes): object[] {
  return Object.entries(attributes).flatMap(([key, value]) =>
    value === undefined ? [] : [{ key, value: typed(value) }],
  );
}

function typed(value: AttributeValue): object {
  if (typeof value === 'boolean') return { boolValue: value };
  if (typeof value === 'number') return Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value };
  if (typeof value === 'string') return { stringValue: value };
  return { arrayValue: { values: value.map((each) => typed(each ?? '')) } };
}
