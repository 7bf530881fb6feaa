import { connect } from 'node:net';
import { bridgeIdentity } from '#contracts';
import { eventually } from '#testing';
import { TestGateway } from '../testing/test-gateway.js';

describe('the HTTP edge', () => {
  let gateway: TestGateway;
  let key: string;
  beforeAll(async () => {
    gateway = await TestGateway.start({
      GATEWAY_CORS_ORIGINS: 'https://app.example',
      GATEWAY_JSON_BODY_BYTES: '20000',
      GATEWAY_TENSOR_BODY_BYTES: '40000',
    });
    ({ key } = await gateway.signUp());
  }, 60_000);
  afterAll(() => gateway.stop());

  const raw = (path: string, body: string | Uint8Array<ArrayBuffer>, type = 'application/json') =>
    gateway.ask('POST', path, { key, body, headers: { 'content-type': type } });

  it.each([
    ['a path that is none', () => gateway.ask('GET', '/v1/nothing'), 404, 'not_found'],
    ['a method that is none', () => gateway.ask('DELETE', '/v1/infer', { key }), 405, 'method_not_allowed'],
    [
      'a method that is none at a path with a parameter',
      () => gateway.ask('PUT', '/v2/models/a--b/infer', { key }),
      405,
      'method_not_allowed',
    ],
    ['JSON that is none', () => raw('/v1/infer', '{"model":'), 400, 'malformed_body'],
    ['no body', () => gateway.ask('POST', '/v1/infer', { key }), 400, 'malformed_body'],
    ['an empty JSON body', () => raw('/v1/infer', ''), 400, 'malformed_body'],
    ['JSON nested 100,000 deep', () => raw('/v1/infer', '['.repeat(9_000) + ']'.repeat(9_000)), 400, 'input_too_deep'],
    [
      'another media type',
      () => raw('/v1/infer', 'a=b', 'application/x-www-form-urlencoded'),
      415,
      'unsupported_media_type',
    ],
    [
      'a body that is too large',
      () => raw('/v1/infer', JSON.stringify({ text: 'x'.repeat(30_000) })),
      413,
      'body_too_large',
    ],
    [
      'tensors that are too large',
      () => raw('/v2/models/watershed--language-id/infer', new Uint8Array(50_000)),
      413,
      'body_too_large',
    ],
    [
      'a body that is not UTF-8',
      () =>
        raw('/v1/infer', Buffer.concat([Buffer.from('{"model":"a/b","text":"a '), Buffer.of(0xff), Buffer.from('"}')])),
      400,
      'malformed_body',
    ],
    [
      'half a character',
      () => raw('/v1/infer', '{"model":"watershed/language-id","text":"a \\ud800 b"}'),
      400,
      'text_invalid',
    ],
    ['no text', () => raw('/v1/infer', '{"model":"watershed/language-id","text":""}'), 400, 'text_invalid'],
    [
      'a number for a text',
      () => raw('/v1/infer', '{"model":"watershed/language-id","text":1}'),
      400,
      'invalid_request',
    ],
    [
      'a text that is empty beside a model that is none',
      () => raw('/v1/infer', '{"model":"no","text":""}'),
      400,
      'invalid_request',
    ],
    [
      'half a character elsewhere than in the text',
      () => raw('/v1/infer', '{"model":"watershed/language-id","text":"a","version":"1.0.0-\\ud800"}'),
      400,
      'invalid_request',
    ],
    [
      'a cursor that no listing is long enough for',
      () => gateway.ask('GET', `/v1/keys?cursor=${'a'.repeat(257)}`, { key }),
      400,
      'cursor_invalid',
    ],
    ['two cursors', () => gateway.ask('GET', '/v1/keys?cursor=a&cursor=b', { key }), 400, 'invalid_request'],
    [
      'a policy that requires a place it does not allow',
      () =>
        gateway.ask('PATCH', '/v1/me/policy', { key, json: { allowedRegions: ['EU/FR'], requiredRegion: 'EU/DE' } }),
      422,
      'policy_invalid',
    ],
    [
      'a character that no database takes',
      () => gateway.ask('POST', '/v1/keys', { key, json: { label: 'a\u0000b', scopes: ['infer'] } }),
      400,
      'invalid_request',
    ],
    [
      'a compressed JSON body',
      () => gateway.ask('POST', '/v1/infer', { key, body: 'x', headers: { 'content-encoding': 'gzip' } }),
      415,
      'unsupported_media_type',
    ],
    [
      'a version that is none',
      () => gateway.ask('GET', '/v2/models/watershed--language-id/versions/latest', { key }),
      404,
      'model_unknown',
    ],
    [
      'a policy of an unknown region for one request',
      () =>
        gateway.ask('POST', '/v1/infer', {
          key,
          json: { model: 'watershed/language-id', text: 'Ciao.', policy: { allowedRegions: ['ZZ'] } },
        }),
      422,
      'region_unknown',
    ],
    [
      'a policy of an unknown region for a pod',
      () => gateway.ask('POST', '/v1/pods', { key, json: { policy: { allowedRegions: ['ZZ'] } } }),
      422,
      'region_unknown',
    ],
    [
      'a pod path with a line break',
      () =>
        gateway.ask('PUT', '/v1/pods/01926f0e-0000-7000-8000-000000000000/resources/a%0ab', {
          key,
          body: 'x',
          headers: { 'content-type': 'text/plain' },
        }),
      400,
      'invalid_request',
    ],
    [
      'a member that is none',
      () => raw('/v1/infer', '{"model":"a/b","text":"x","__proto__":{"x":1}}'),
      400,
      'invalid_request',
    ],
    [
      'a compressed tensor body',
      () =>
        gateway.ask('POST', '/v2/models/watershed--language-id/infer', {
          key,
          body: 'x',
          headers: { 'content-encoding': 'gzip' },
        }),
      415,
      'unsupported_media_type',
    ],
    ['an id that is none', () => gateway.ask('DELETE', '/v1/keys/none', { key }), 400, 'invalid_request'],
    [
      'a path that cannot be decoded',
      () => gateway.ask('GET', '/v1/models/%E0%A4%A/x', { key }),
      400,
      'invalid_request',
    ],
    ['a query that is none', () => gateway.ask('GET', '/v1/keys?limit=many', { key }), 400, 'invalid_request'],
    ['a service that nobody runs', () => gateway.ask('GET', '/v1/cluster'), 503, 'no_node_available'],
  ])('refuses %s with a problem', async (_what, ask, status, code) => {
    const refused = await ask();
    expect(refused.headers.get('content-type')).toContain('application/problem+json');
    expect(refused).toMatchObject({
      status,
      body: {
        status,
        code,
        type: `urn:watershed:problem:${code}`,
        instance: `urn:uuid:${refused.headers.get('watershed-request-id')}`,
      },
    });
    expect(refused.headers.get('watershed-route')).toBe('local');
    expect(refused.text).not.toMatch(/\bat .*\.(js|ts)|node_modules|FST_|Cannot /);
    if (status === 405) expect(refused.headers.get('allow')).toBeTruthy();
  });

  const unreadable: [string, string, number, string][] = [
    ['nonsense', 'nonsense\r\n\r\n', 400, 'invalid_request'],
    [
      'two lengths',
      'POST /v1/infer HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{',
      400,
      'invalid_request',
    ],
    [
      'a length and chunks',
      'POST /v1/infer HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      400,
      'invalid_request',
    ],
    [
      'headers that are too large',
      `GET /v1/me HTTP/1.1\r\nHost: x\r\nX-A: ${'a'.repeat(40_000)}\r\n\r\n`,
      400,
      'invalid_request',
    ],
    ['no host', 'GET /v1/me HTTP/1.1\r\n\r\n', 400, 'invalid_request'],
    [
      'an expectation',
      'GET /v1/me HTTP/1.1\r\nHost: x\r\nExpect: tea\r\nConnection: close\r\n\r\n',
      400,
      'invalid_request',
    ],
  ];

  it.each(unreadable)('refuses %s with a problem before it is a request', async (_what, text, status, code) => {
    const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1');
    let heard = '';
    socket.setEncoding('utf8').on('data', (part: string) => {
      heard += part;
    });
    socket.write(text);
    await eventually(() => expect(heard).toContain('\r\n\r\n{'));
    const [head = '', body = ''] = heard.split('\r\n\r\n');
    expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(head.toLowerCase()).toContain('content-type: application/problem+json');
    expect(JSON.parse(body)).toMatchObject({ code, status });
    socket.destroy();
  });

  it('tells nothing of what failed inside', async () => {
    gateway.cluster.handle(bridgeIdentity, () => {
      throw new Error('password=hunter2 at /srv/secret.ts:12');
    });
    const failed = await gateway.ask('GET', '/v1/cluster');
    expect(failed).toMatchObject({ status: 500, body: { code: 'internal' } });
    expect(failed.text).not.toMatch(/hunter2|secret\.ts/);
  });

  it('answers preflights of listed origins and of no others', async () => {
    const preflight = (origin: string) =>
      gateway.ask('OPTIONS', '/v1/infer', {
        headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'x-api-key' },
      });
    const listed = await preflight('https://app.example');
    expect(listed.headers.get('access-control-allow-origin')).toBe('https://app.example');
    expect(listed.headers.get('access-control-allow-methods')).toContain('POST');
    expect((await preflight('https://evil.example')).headers.get('access-control-allow-origin')).toBeNull();
    const asked = await gateway.ask('GET', '/health/live', { headers: { origin: 'https://app.example' } });
    expect(asked.headers.get('access-control-expose-headers')).toContain('Watershed-Route');
  });

  it('serves the documentation and the contract', async () => {
    const page = await gateway.ask('GET', '/docs');
    expect(page.text).toContain('swagger-ui-bundle.js');
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect((await gateway.ask('GET', '/docs/assets/swagger-ui-bundle.js')).text.length).toBeGreaterThan(100_000);
    expect((await gateway.ask('GET', '/docs/assets/package.json')).status).toBe(404);
    expect((await gateway.ask('GET', '/openapi.json')).body).toMatchObject({ openapi: '3.1.0' });
  });

  it('is ready when database, bus, index and toll are there, and says which is not', async () => {
    expect((await gateway.ask('GET', '/health/ready')).body).toEqual({ ready: true });
    const [gone] = gateway.cluster.entries.splice(1, 1);
    gateway.cluster.up = false;
    expect(await gateway.ask('GET', '/health/ready')).toMatchObject({
      status: 503,
      body: { details: { missing: ['bus', 'toll'] } },
    });
    expect((await gateway.ask('GET', '/health/live')).status).toBe(200);
    gateway.cluster.up = true;
    if (gone) gateway.cluster.entries.push(gone);
  });

  it('does not believe X-Forwarded-For', async () => {
    const limited = await TestGateway.start({ GATEWAY_RATE_PER_ADDRESS: '3' });
    try {
      const replies = [];
      for (let n = 0; n < 5; n++)
        replies.push(await limited.ask('GET', '/v1/cluster', { headers: { 'x-forwarded-for': `10.0.0.${n}` } }));
      expect(replies.map(({ status }) => status)).toEqual([503, 503, 503, 429, 429]);
    } finally {
      await limited.stop();
    }
  });

  it('limits a person over all their keys and tokens, and tells where they stand', async () => {
    const limited = await TestGateway.start({ GATEWAY_RATE_PER_PERSON: '4', GATEWAY_RATE_PER_ADDRESS: '20' });
    try {
      const one = await limited.signUp();
      const other = await limited.signUp();
      const first = await limited.ask('GET', '/v1/me', { key: one.key });
      expect([first.headers.get('ratelimit-limit'), first.headers.get('ratelimit-remaining')]).toEqual(['4', '3']);
      const token = (await limited.ask('POST', '/v1/token', { key: one.key, json: {} })).body.token as string;
      await limited.ask('GET', '/v1/me', { key: token });
      await limited.ask('GET', '/v1/me', { key: token });
      const refused = await limited.ask('GET', '/v1/me', { key: one.key });
      expect(refused).toMatchObject({ status: 429, body: { code: 'rate_limited' } });
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
      expect((await limited.ask('GET', '/v1/me', { key: other.key })).status).toBe(200);
    } finally {
      await limited.stop();
    }
  });

  it('lets nobody guess keys for free', async () => {
    const limited = await TestGateway.start({ GATEWAY_RATE_PER_ADDRESS: '3' });
    try {
      const codes = [];
      for (let n = 0; n < 5; n++) codes.push((await limited.ask('GET', '/v1/me', { key: 'wsk_guess' })).body.code);
      expect(codes).toEqual(['key_unknown', 'key_unknown', 'key_unknown', 'rate_limited', 'rate_limited']);
    } finally {
      await limited.stop();
    }
  });

  it('lets who sends far too much read the refusal', async () => {
    const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1');
    let heard = '';
    const ended = new Promise((resolve) => socket.once('close', resolve));
    socket.setEncoding('utf8').on('data', (part: string) => {
      heard += part;
    });
    const sizeBytes = 8 * 2 ** 20;
    socket.write(
      `POST /v1/infer HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${key}\r\ncontent-type: application/json\r\ncontent-length: ${sizeBytes}\r\n\r\n`,
    );
    socket.end('a'.repeat(sizeBytes));
    await ended;
    expect(heard).toMatch(/^HTTP\/1\.1 413 /);
    expect(heard).toContain('body_too_large');
    expect(socket.bytesWritten).toBeGreaterThan(sizeBytes);
  });

  it('refuses at last what goes on being sent', async () => {
    const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1');
    let heard = '';
    socket.setEncoding('utf8').on('data', (part: string) => {
      heard += part;
    });
    socket.write(
      `POST /v1/infer HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${key}\r\ncontent-type: application/json\r\ncontent-length: 5000000000\r\n\r\n`,
    );
    await eventually(() => expect(heard).toContain('body_too_large'));
    expect(heard.toLowerCase()).toContain('connection: close');
    socket.destroy();
  });

  it('gives up on a body that comes too slowly', async () => {
    const slow = await TestGateway.start({ GATEWAY_BODY_TIMEOUT_MS: '150' });
    try {
      const { key: own } = await slow.signUp();
      const socket = connect(Number(new URL(slow.url).port), '127.0.0.1');
      let heard = '';
      socket.setEncoding('utf8').on('data', (text: string) => {
        heard += text;
      });
      socket.write(
        `POST /v1/infer HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${own}\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{`,
      );
      await eventually(() => expect(heard).toContain('deadline_exceeded'));
      expect(heard).toMatch(/^HTTP\/1\.1 504 /);
      expect(heard.toLowerCase()).toContain('connection: close');
      socket.destroy();
    } finally {
      await slow.stop();
    }
  });
});
