import { connect } from 'node:net';
import { deflateSync, gzipSync } from 'node:zlib';
import { encodeInferRequest, readInferResponse } from '#inference-protocol';
import { startTestServer, type TestServer } from './contract/test-server.js';
import { unrecordedCases } from './contract/unrecorded-cases.js';

const MIB = 1_048_576;
const valid = { inputs: [{ name: 'INPUT0', shape: [1, 4], datatype: 'INT32', data: [1, 2, 3, 4] }] };

describe('the HTTP interface', () => {
  let server: TestServer;
  const faults: unknown[] = [];

  beforeAll(async () => {
    server = await startTestServer({ requestTimeoutMs: 700, onFault: (error) => faults.push(error) });
    await server.loaded('add_one', 'same_fp32', 'same_uint8', 'text_echo', 'softmax');
  }, 60_000);
  afterAll(() => server.close());
  afterEach(() => {
    expect(faults).toEqual([]);
  });

  const works = async () => expect((await server.infer('add_one', valid.inputs)).status).toBe(200);

  it.each(unrecordedCases)('$name', async ({ method = 'POST', path, headers, body, status }) => {
    const answer = await server.send(method, path, body ?? '', headers);
    expect([answer.status, answer.text.slice(0, 300)]).toEqual([
      status,
      status === 200 ? answer.text.slice(0, 300) : expect.stringMatching(/^\{"error":"./),
    ]);
    await works();
  });

  it('streams a generated answer as one event', async () => {
    const { text, headers } = await server.send('POST', '/v2/models/add_one/generate_stream', '{"INPUT0":[1,2,3,4]}');
    expect(text).toBe('data: {"OUTPUT0":[2,3,4,5],"model_name":"add_one","model_version":"1"}\n\n');
    expect(headers['content-type']).toBe('text/event-stream; charset=utf-8');
  });

  it('takes and gives compressed bodies', async () => {
    for (const [encoding, pack] of [
      ['gzip', gzipSync],
      ['deflate', deflateSync],
    ] as const) {
      const { status, headers } = await server.send('POST', '/v2/models/add_one/infer', pack(JSON.stringify(valid)), {
        'Content-Encoding': encoding,
        'Accept-Encoding': encoding,
      });
      expect([status, headers['content-encoding']]).toEqual([200, encoding]);
    }
  });

  it('carries 64 MB in and out, beside small requests', async () => {
    const data = Buffer.alloc(64 * MIB);
    for (let i = 0; i < data.byteLength; i += 4096) data.writeFloatLE(i, i);
    const { chunks, headerLength } = encodeInferRequest({
      inputs: [{ name: 'X', datatype: 'FP32', shape: [data.byteLength / 4], data }],
    });
    const large = server.send('POST', '/v2/models/same_fp32/infer', Buffer.concat(chunks), {
      'Inference-Header-Content-Length': String(headerLength),
    });
    await Promise.all([works(), works()]);
    const { status, headers, body } = await large;
    expect(status).toBe(200);
    const [output] = readInferResponse(body, Number(headers['inference-header-content-length'])).outputs;
    expect(Buffer.compare(output?.data ?? Buffer.alloc(0), data)).toBe(0);
  }, 30_000);

  it('answers many at once, each its own', async () => {
    const answers = await Promise.all(
      Array.from({ length: 300 }, (_, i) =>
        server.infer('add_one', [{ ...valid.inputs[0], data: [i, i, i, i] }], { id: `r${i}` }),
      ),
    );
    answers.forEach(({ text }, i) => {
      expect(JSON.parse(text)).toMatchObject({ id: `r${i}`, outputs: [{ data: [i + 1, i + 1, i + 1, i + 1] }] });
    });
  });

  it.each<[string, (size: number) => string, number]>([
    ['empty objects', (size) => `{"inputs":[${'{},'.repeat(size / 3)}{}]}`, 400],
    ['members', (size) => `{"a":0${',"b":0'.repeat(size / 6)}}`, 400],
    [
      'empty texts',
      (size) => `{"inputs":[{"name":"TEXT","shape":[1],"datatype":"BYTES","data":[""${',""'.repeat(size / 3)}]}]}`,
      400,
    ],
    [
      'so many texts as it says',
      (size) =>
        `{"inputs":[{"name":"TEXT","shape":[${size / 3 + 1}],"datatype":"BYTES","data":[""${',""'.repeat(size / 3)}]}]}`,
      400,
    ],
    [
      'one name',
      (size) => `{"inputs":[{"name":"${'x'.repeat(size)}","shape":[1],"datatype":"BYTES","data":[""]}]}`,
      400,
    ],
  ])(
    'is not filled up by 60 MB of %s',
    async (_, body, status) => {
      // The suite's own server waits less for a body than this one may take on a busy machine.
      const patient = await startTestServer({ load: ['add_one', 'text_echo'] });
      try {
        const before = process.memoryUsage.rss();
        const answer = await patient.send('POST', '/v2/models/text_echo/infer', body(60_000_000));
        expect([answer.status, answer.text.length < 5000]).toEqual([status, true]);
        expect(process.memoryUsage.rss() - before).toBeLessThan(800 * MIB);
        expect((await patient.infer('add_one', valid.inputs)).status).toBe(200);
      } finally {
        await patient.close();
      }
    },
    30_000,
  );

  it('refuses a body that is too large, said or unsaid, compressed or not', async () => {
    const small = await startTestServer({ maxBodyBytes: 10_000, load: ['add_one'] });
    const post = (body: Uint8Array, headers = {}) => small.send('POST', '/v2/models/add_one/infer', body, headers);
    try {
      expect((await post(Buffer.alloc(10_001))).status).toBe(413);
      expect((await post(gzipSync(Buffer.alloc(50_000_000)), { 'Content-Encoding': 'gzip' })).status).toBe(413);
      const chunk = `2711\r\n${'x'.repeat(10_001)}\r\n`;
      const raw = await talk(
        small.url,
        `POST /v2/models/add_one/infer HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n${chunk}`,
      );
      expect(raw).toMatch(/^HTTP\/1.1 413 /);
      expect((await small.infer('add_one', valid.inputs)).status).toBe(200);
    } finally {
      await small.close();
    }
  });

  it('refuses what is not HTTP, and ends what does not come to an end', async () => {
    expect(await talk(server.url, 'nonsense\r\n\r\n')).toMatch(/^HTTP\/1.1 400 /);
    expect(
      await talk(server.url, 'POST /v2/models/add_one/infer HTTP/1.1\r\nhost: a\r\ncontent-length: -5\r\n\r\n'),
    ).toMatch(/^HTTP\/1.1 400 /);
    const slow = await Promise.all([
      talk(server.url, 'POST /v2/models/add_one/infer HTTP/1.1\r\nhost:'),
      talk(server.url, 'POST /v2/models/add_one/infer HTTP/1.1\r\nhost: a\r\ncontent-length: 500\r\n\r\n{"inputs"'),
    ]);
    for (const answer of slow) expect(answer).toMatch(/^HTTP\/1.1 408 /);
    await works();
  });

  it('takes a client that leaves in the middle of its body', async () => {
    for (let i = 0; i < 20; i++) {
      const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
      await new Promise<void>((resolve) =>
        socket.write('POST /v2/models/add_one/infer HTTP/1.1\r\nhost: a\r\ncontent-length: 500\r\n\r\n{"inputs"', () =>
          resolve(),
        ),
      );
      socket.destroy();
    }
    await works();
  });
});

/** Sends bytes and reads until the server closes. */
function talk(url: string, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    let answer = '';
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => {
      answer += text;
      if (/^HTTP\/1.1 413/.test(answer)) socket.end();
    });
    socket.once('close', () => resolve(answer));
    socket.once('error', (error) => (answer === '' ? reject(error) : resolve(answer)));
    socket.write(bytes);
  });
}
