import { createHash, randomBytes } from 'node:crypto';
import pg from 'pg';
import { podReserve, registryBeginUpload, resourcePathHeader, tollTotals } from '#contracts';
import { TestGateway } from '../testing/test-gateway.js';

const ticket = { url: 'http://127.0.0.1:9/x', token: 't'.repeat(43), maxBytes: 10_000_000 };

describe('what operators do', () => {
  let gateway: TestGateway;
  beforeAll(async () => {
    gateway = await TestGateway.start();
  }, 60_000);
  afterAll(() => gateway.stop());

  interface Entry {
    phase: string;
    action: string;
    subject: string;
    actionId: string;
    code?: string;
  }
  const log = async (key = gateway.operatorKey()) =>
    (await gateway.ask('GET', '/v1/audit?limit=200', { key })).body.items as Entry[];

  it('is logged before and after, refusals too, and nobody can change the log', async () => {
    const { personId } = await gateway.signUp();
    const key = gateway.operatorKey();
    const granted = await gateway.ask('POST', '/v1/grants', {
      key,
      json: { personId, amountMicro: '5', memo: 'a gift' },
    });
    expect(granted).toMatchObject({ status: 201, body: { personId, amountMicro: '5', asset: 'drop' } });
    const nobody = '01926f0e-0000-7000-8000-000000000000';
    expect(
      (await gateway.ask('POST', '/v1/grants', { key, json: { personId: nobody, amountMicro: '5' } })).status,
    ).toBe(404);
    const entries = await log();
    const grants = entries.filter(({ subject }) => subject === personId);
    expect(grants.map(({ phase, action }) => [phase, action])).toEqual([
      ['done', 'money.grant'],
      ['begun', 'money.grant'],
    ]);
    expect(grants[0]?.actionId).toBe(grants[1]?.actionId);
    expect(entries.find(({ subject, phase }) => subject === nobody && phase === 'failed')?.code).toBe('not_found');
    const client = new pg.Client({ connectionString: gateway.database.urlFor('gateway') });
    await client.connect();
    await expect(client.query(`UPDATE gateway.audit_entry SET action = 'nothing'`)).rejects.toThrow(/append-only/);
    await expect(client.query('DELETE FROM gateway.audit_entry')).rejects.toThrow(/append-only/);
    await expect(client.query('TRUNCATE gateway.audit_entry')).rejects.toThrow();
    await client.end();
  });

  it('is shown to auditors, who can do none of it', async () => {
    const { personId, key } = await gateway.signUp();
    await gateway.ask('PUT', `/v1/people/${personId}/role`, { key: gateway.operatorKey(), json: { role: 'auditor' } });
    expect((await gateway.ask('GET', '/v1/audit', { key })).status).toBe(200);
    expect((await gateway.ask('POST', '/v1/grants', { key, json: { personId, amountMicro: '5' } })).body).toMatchObject(
      { code: 'role_missing' },
    );
    gateway.cluster.handle(tollTotals, () => ({ assets: [], usageEvents: 0, unpostedUsageEvents: 0 }));
    expect((await gateway.ask('GET', '/v1/audit/ledger', { key: gateway.operatorKey() })).status).toBe(200);
  });

  it('uploads a blob as a stream, whole or from where it broke', async () => {
    const key = gateway.operatorKey();
    const bytes = randomBytes(300_000);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    let offsetBytes = 0;
    gateway.cluster.handle(registryBeginUpload, () => ({ complete: false, offsetBytes, ticket }));
    gateway.content.answer = () => ({ status: 201 });
    const begun = await gateway.ask('POST', '/v1/blobs', { key, json: { sha256, sizeBytes: bytes.byteLength } });
    expect(begun.body).toMatchObject({ complete: false, offsetBytes: 0, path: `/v1/blobs/${sha256}` });
    const put = (body: Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) =>
      gateway.ask('PUT', `/v1/blobs/${sha256}`, { key, body, headers });
    expect((await put(new Uint8Array(bytes))).body).toEqual({ sha256, complete: true });
    expect(gateway.content.sent.at(-1)?.body.equals(bytes)).toBe(true);
    offsetBytes = 100_000;
    expect(await put(new Uint8Array(bytes))).toMatchObject({
      status: 409,
      body: { code: 'conflict', details: { offsetBytes } },
    });
    const rest = new Uint8Array(bytes.subarray(offsetBytes));
    expect((await put(rest, { 'content-range': `bytes ${offsetBytes}-299999/300000` })).status).toBe(200);
    gateway.content.answer = () => ({ status: 422, json: { code: 'digest_mismatch', message: 'Another digest.' } });
    expect((await put(rest, { 'content-range': `bytes ${offsetBytes}-299999/300000` })).body).toMatchObject({
      code: 'digest_mismatch',
    });
    const { key: person } = await gateway.signUp();
    expect((await gateway.ask('PUT', `/v1/blobs/${sha256}`, { key: person, body: 'x' })).body).toMatchObject({
      code: 'role_missing',
    });
  });
});

describe('pods', () => {
  let gateway: TestGateway;
  beforeAll(async () => {
    gateway = await TestGateway.start();
  }, 60_000);
  afterAll(() => gateway.stop());

  const podId = '01926f0e-0000-7000-8000-000000000001';
  const resource = {
    path: 'notes/a b.txt',
    contentType: 'text/plain',
    sizeBytes: 5,
    sha256: '0'.repeat(64),
    etag: '"1"',
    modifiedAt: new Date(0).toISOString(),
  };

  it('take and give resources as streams, by a path with slashes and escapes', async () => {
    const { key } = await gateway.signUp();
    gateway.cluster.handle(podReserve, () => ({ ticket }));
    gateway.content.answer = () => ({ status: 201, json: resource });
    const path = `/v1/pods/${podId}/resources/notes/a%20b.txt`;
    const put = await gateway.ask('PUT', path, {
      key,
      body: 'hello',
      headers: { 'content-type': 'application/json', 'if-none-match': '*' },
    });
    expect(put).toMatchObject({ status: 201, body: resource });
    expect(put.headers.get('etag')).toBe('"1"');
    const sent = gateway.content.sent.at(-1);
    expect(String(sent?.body)).toBe('hello');
    expect(sent?.request.headers).toMatchObject({
      'content-type': 'application/json',
      'if-none-match': '*',
      [resourcePathHeader]: 'notes%2Fa%20b.txt',
    });
    const reserved = gateway.cluster.callsOf(podReserve).at(-1);
    expect(reserved).toEqual({ grant: expect.any(String), podId, action: 'put', sizeBytes: 5 });
    gateway.content.answer = () => ({
      bytes: Buffer.from('<script>'),
      headers: { 'content-type': 'text/html', etag: '"1"' },
    });
    const got = await gateway.ask('GET', path, { key });
    expect(got.text).toBe('<script>');
    expect(got.headers.get('content-security-policy')).toContain('sandbox');
    gateway.content.answer = () => ({ json: { items: [resource] } });
    expect((await gateway.ask('GET', `/v1/pods/${podId}/resources?prefix=notes/`, { key })).body.items).toEqual([
      resource,
    ]);
    expect(JSON.parse(String(gateway.content.sent.at(-1)?.body))).toEqual({ prefix: 'notes/', limit: 50 });
    gateway.content.answer = () => ({ status: 204 });
    const removed = await gateway.ask('DELETE', path, { key, headers: { 'if-match': '"1"' } });
    expect(removed.status).toBe(204);
    expect(gateway.content.sent.at(-1)?.request).toMatchObject({
      method: 'DELETE',
      headers: { 'if-match': '"1"', [resourcePathHeader]: 'notes%2Fa%20b.txt' },
    });
    expect(JSON.stringify(gateway.cluster.calls)).not.toContain('notes');
    expect((await gateway.ask('GET', `/v1/pods/${podId}/resources/a//b`, { key })).body).toMatchObject({
      code: 'invalid_request',
    });
    gateway.content.answer = () => ({ status: 404, json: { code: 'not_found', message: 'Nothing is here.' } });
    expect((await gateway.ask('GET', path, { key })).body).toMatchObject({ code: 'not_found', status: 404 });
  });
});
