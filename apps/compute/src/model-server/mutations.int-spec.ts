import fc from 'fast-check';
import { encodeInferRequest, packText } from '#inference-protocol';
import { propertyLimitMs, propertyRuns } from '#testing';
import { startTestServer, type TestServer } from './contract/test-server.js';

interface Valid {
  readonly path: string;
  readonly body: Buffer;
  readonly headers: Record<string, string>;
}

const binary = (path: string, inputs: Parameters<typeof encodeInferRequest>[0]['inputs']): Valid => {
  const { chunks, headerLength } = encodeInferRequest({ inputs });
  return { path, body: Buffer.concat(chunks), headers: { 'Inference-Header-Content-Length': String(headerLength) } };
};
const json = (path: string, value: unknown): Valid => ({ path, body: Buffer.from(JSON.stringify(value)), headers: {} });

const requests: readonly Valid[] = [
  json('/v2/models/add_one/infer', {
    id: 'a',
    inputs: [{ name: 'INPUT0', shape: [1, 4], datatype: 'INT32', data: [1, 2, 3, 4] }],
    outputs: [{ name: 'OUTPUT0', parameters: { binary_data: true } }],
    parameters: { priority: 1 },
  }),
  json('/v2/models/text_echo/infer', {
    inputs: [{ name: 'TEXT', shape: [2], datatype: 'BYTES', data: ['hi', 'Grüße'] }],
  }),
  json('/v2/models/softmax/infer', {
    inputs: [{ name: 'X', shape: [1, 3], datatype: 'FP32', data: [1.5, -2e3, 3] }],
    outputs: [{ name: 'P', parameters: { classification: 2 } }],
  }),
  json('/v2/models/add_one/generate', { INPUT0: [1, 2, 3, 4], parameters: { t: 0.5 } }),
  json('/v2/repository/index', { ready: true }),
  binary('/v2/models/add_one/infer', [{ name: 'INPUT0', shape: [1, 4], datatype: 'INT32', data: Buffer.alloc(16, 1) }]),
  binary('/v2/models/text_echo/infer', [{ name: 'TEXT', shape: [2], datatype: 'BYTES', data: packText(['a', 'bc']) }]),
  binary('/v2/models/same_bool/infer', [{ name: 'X', shape: [4], datatype: 'BOOL', data: Buffer.from([0, 1, 1, 0]) }]),
];

const tokens = [
  '[',
  ']',
  '{',
  '}',
  '"',
  ',',
  ':',
  '-',
  '.',
  'e',
  'null',
  'true',
  'NaN',
  '1e999',
  '2147483648',
  '-1',
  '18446744073709551616',
  '""',
  '\\u0000',
  '\\ud800',
  '[[[[',
  '\u0000',
  'é',
  'data',
  'shape',
  'parameters',
];

const edit = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  cut: fc.nat({ max: 12 }),
  put: fc.oneof(
    fc.constantFrom(...tokens).map((token) => Buffer.from(token)),
    fc.uint8Array({ maxLength: 6 }).map((bytes) => Buffer.from(bytes)),
  ),
});

const mutated = fc
  .tuple(
    fc.constantFrom(...requests),
    fc.array(edit, { minLength: 1, maxLength: 4 }),
    fc.option(fc.integer({ min: -2, max: 250 }), { freq: 4 }),
  )
  .map(([request, edits, headerLength]) => {
    let { body } = request;
    for (const { at, cut, put } of edits) {
      const from = Math.floor(at * body.byteLength);
      body = Buffer.concat([body.subarray(0, from), put, body.subarray(from + cut)]);
    }
    const headers =
      headerLength === null
        ? request.headers
        : { ...request.headers, 'Inference-Header-Content-Length': String(headerLength) };
    return { ...request, body, headers };
  });

/** What Triton answers 500 to, and this server with it, by what it says: a request that cannot be read. */
const unreadable =
  /^(failed to parse the request JSON buffer|Unable to parse|attempt to access JSON|the request is no JSON object|Expected JSON object)/;

describe('requests that are almost right', () => {
  let server: TestServer;
  const faults: unknown[] = [];

  beforeAll(async () => {
    server = await startTestServer({ onFault: (error) => faults.push(error) });
    await server.loaded('add_one', 'text_echo', 'softmax', 'same_bool');
  }, 60_000);
  afterAll(() => server.close());

  it(
    'are answered or refused, and harm nothing',
    async () => {
      const models = ['add_one', 'text_echo', 'softmax', 'same_bool'];
      const before = models.map((model) => server.processIds(model));
      const statuses = new Map<number, number>();
      const property = fc.asyncProperty(mutated, async ({ path, body, headers }) => {
        const { status, text } = await server.send('POST', path, body, headers);
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
        if (status === 200) return;
        const { error } = JSON.parse(text) as { error: string };
        // A client's mistake is never a 5xx, but for what the protocol's reference server answers so: the unreadable.
        expect([status, error]).toEqual([
          status === 500 ? 500 : 400,
          status === 500 ? expect.stringMatching(unreadable) : expect.stringMatching(/./),
        ]);
      });
      await fc.assert(property, propertyRuns(1500));
      expect(faults).toEqual([]);
      expect(models.map((model) => server.processIds(model))).toEqual(before);
      for (const request of requests)
        expect((await server.send('POST', request.path, request.body, request.headers)).status).toBe(200);
      // All three kinds of answers were met, so that the test reaches what it is about.
      expect([...statuses.keys()].sort()).toEqual([200, 400, 500]);
    },
    propertyLimitMs(120_000),
  );
});
