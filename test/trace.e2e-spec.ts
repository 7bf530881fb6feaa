import { eventually } from '#testing';
import { type CollectedSpan, OtlpCollector } from './otlp-collector.js';
import { StartedCluster } from './started-cluster.js';

const minutes = (n: number) => n * 60_000;

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const callerSpanId = '00f067aa0ba902b7';
const sentence = 'Kuinka pitkä matka on lähimmälle lähteelle?';

/** What runs in one inference, as `service: span`, each below the one that it is indented under. */
const journey = [
  'gateway: POST /v1/infer',
  '  gateway: toll-draw',
  '    toll: toll-draw',
  '  gateway: toll-prices',
  '    toll: toll-prices',
  '  gateway: runner-reserve',
  '    runner: runner-reserve',
  '  gateway: content exchange',
  '    runner: inference content',
  '      runner: model server infer',
  '        model-server: infer',
  '  gateway: toll-record-usage',
  '    toll: toll-record-usage',
  '      toll: commit usage',
];

describe('a trace of one inference', () => {
  let collector: OtlpCollector;
  let cluster: StartedCluster;

  beforeAll(async () => {
    collector = await OtlpCollector.start();
    cluster = await StartedCluster.start({
      flags: ['--processes'],
      env: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_TRACES_SAMPLER_ARG: '0' },
    });
  }, minutes(4));

  afterAll(async () => {
    await cluster?.stop();
    await collector?.close();
    cluster?.removeData();
  }, minutes(1));

  it(
    'is one tree over all processes that had a part in it, and holds nothing of the person',
    async () => {
      const key = await cluster.signUp();
      const { person } = (await cluster.request('GET', '/v1/me', key)).body as { person: { personId: string } };
      const response = await fetch(`${cluster.url}/v1/infer`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${key}`,
          'content-type': 'application/json',
          traceparent: `00-${traceId}-${callerSpanId}-01`,
        },
        body: JSON.stringify({ model: 'watershed/language-id', text: sentence }),
      });
      expect(response.status).toBe(200);
      await eventually(() => expect(drawn(collector.trace(traceId))).toEqual(expect.arrayContaining(required)), {
        timeoutMs: 15_000,
      });
      // Nothing but this trace: what begins here is not recorded at a ratio of 0, and polls begin none.
      expect(collector.spans.filter((span) => span.traceId !== traceId)).toEqual([]);
      expect(collector.unreadable).toEqual([]);
      const tree = drawn(collector.trace(traceId));
      expect(journey).toEqual(expect.arrayContaining(tree));
      for (const span of collector.spans) expect(span.endNs).toBeGreaterThanOrEqual(span.startNs);
      for (const secret of [sentence, 'lähteelle', key, person.personId]) {
        for (const text of [secret, encodeURIComponent(secret), Buffer.from(secret).toString('base64').slice(0, 12)])
          expect(collector.received).not.toContain(text);
      }
      expect(collector.received).not.toContain('127.0.0.1');
    },
    minutes(1),
  );

  it(
    'leaves nobody without a good-bye when the whole cluster stops',
    async () => {
      await cluster.stop();
      expect(cluster.goodByes()).toEqual({ taken: 9, missed: 0 });
    },
    minutes(1),
  );
});

/** Not every inference draws a new block or asks for prices. */
const required = journey.filter((line) => !/toll-draw|toll-prices/.test(line));

/** A trace as indented lines; whatever hangs below nothing that was sent is missing from them. */
function drawn(spans: readonly CollectedSpan[], parent = callerSpanId, depth = 0): string[] {
  return spans
    .filter((span) => span.parentSpanId === parent)
    .flatMap((span) => [`${'  '.repeat(depth)}${span.service}: ${span.name}`, ...drawn(spans, span.spanId, depth + 1)]);
}
