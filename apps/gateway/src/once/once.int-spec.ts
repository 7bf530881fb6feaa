import { createHash } from 'node:crypto';
import pg from 'pg';
import { tollGrant } from '#contracts';
import { WatershedError } from '#errors';
import { eventually } from '#testing';
import { TestGateway } from '../testing/test-gateway.js';

const text = { model: 'watershed/language-id', text: 'Ogni persona ha diritto alla libertà.' };

describe('Idempotency-Key', () => {
  let gateway: TestGateway;
  beforeAll(async () => {
    gateway = await TestGateway.start();
  }, 60_000);
  afterAll(() => gateway.stop());

  const headers = (key: string) => ({ 'idempotency-key': key });
  const rows = async (sql: string, values: unknown[] = []) => {
    const client = new pg.Client({ connectionString: gateway.database.adminUrl });
    await client.connect();
    try {
      return (await client.query(sql, values)).rows;
    } finally {
      await client.end();
    }
  };

  it('signs up one person for a request that comes twice, and tells the secrets once', async () => {
    const first = await gateway.ask('POST', '/v1/people', { json: { label: 'x' }, headers: headers('a') });
    const again = await gateway.ask('POST', '/v1/people', { json: { label: 'x' }, headers: headers('a') });
    expect(again.status).toBe(201);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect(again.body.person).toEqual(first.body.person);
    expect(again.text).not.toMatch(/secret|recoveryCode|wsk_/);
    expect(await rows(`SELECT 1 FROM gateway.once WHERE convert_from(body, 'UTF8') LIKE '%wsk\\_%'`)).toEqual([]);
  });

  it('refuses the key for another body, method or path', async () => {
    const { key } = await gateway.signUp();
    await gateway.ask('POST', '/v1/keys', { key, json: { label: 'one' }, headers: headers('b') });
    const other = await gateway.ask('POST', '/v1/keys', { key, json: { label: 'two' }, headers: headers('b') });
    expect(other).toMatchObject({ status: 409, body: { code: 'idempotency_key_reused' } });
    const elsewhere = await gateway.ask('POST', '/v1/infer', { key, json: { label: 'one' }, headers: headers('b') });
    expect(elsewhere.status).toBe(400);
    expect((await gateway.ask('POST', '/v1/infer', { key, json: text, headers: headers('b') })).body).toMatchObject({
      code: 'idempotency_key_reused',
    });
  });

  it('keeps the keys of two people apart', async () => {
    const [one, two] = [await gateway.signUp(), await gateway.signUp()];
    const json = { label: 'same' };
    const first = await gateway.ask('POST', '/v1/keys', { key: one.key, json, headers: headers('c') });
    const second = await gateway.ask('POST', '/v1/keys', { key: two.key, json, headers: headers('c') });
    expect(second.status).toBe(201);
    expect(second.body.keyId).not.toBe(first.body.keyId);
    expect(second.body.secret).toBeDefined();
  });

  it('makes one key of twenty requests at once', async () => {
    const { key } = await gateway.signUp();
    const all = await Promise.all(
      Array.from({ length: 20 }, () =>
        gateway.ask('POST', '/v1/keys', { key, json: { label: 'race' }, headers: headers('d') }),
      ),
    );
    expect(all.filter(({ body }) => body.secret !== undefined)).toHaveLength(1);
    for (const { status, body } of all) expect(status === 201 || body.code === 'idempotency_in_progress').toBe(true);
    const listed = await gateway.ask('GET', '/v1/keys', { key });
    expect((listed.body.items as { label: string }[]).filter(({ label }) => label === 'race')).toHaveLength(1);
  });

  it('forgets a refusal: the key is free for the corrected request', async () => {
    const { key } = await gateway.signUp();
    const bad = await gateway.ask('POST', '/v1/keys', {
      key,
      json: { scopes: ['keys:manage'] },
      headers: headers('e'),
    });
    expect(bad.status).toBe(403);
    expect(
      (await gateway.ask('POST', '/v1/keys', { key, json: { scopes: ['infer'] }, headers: headers('e') })).status,
    ).toBe(201);
  });

  it('refuses a key that is none', async () => {
    const { key } = await gateway.signUp();
    for (const bad of ['with space', 'x'.repeat(256)]) {
      expect((await gateway.ask('POST', '/v1/keys', { key, json: {}, headers: headers(bad) })).body).toMatchObject({
        code: 'invalid_request',
      });
    }
  });

  it('asks for the same effect again when the first outcome is unknown', async () => {
    const operator = gateway.operatorKey();
    const { personId } = await gateway.signUp();
    const json = { personId, amountMicro: '500' };
    let lost = true;
    const ids: string[] = [];
    gateway.cluster.handle(tollGrant, ({ transferId, amountMicro }) => {
      ids.push(transferId);
      if (!lost) return { transferId, balanceMicro: amountMicro };
      lost = false;
      throw new WatershedError('deadline_exceeded', 'No answer.');
    });
    const first = await gateway.ask('POST', '/v1/grants', { key: operator, json, headers: headers('f') });
    expect(first).toMatchObject({ status: 504, body: { code: 'deadline_exceeded' } });
    const second = await gateway.ask('POST', '/v1/grants', { key: operator, json, headers: headers('f') });
    expect(second.status).toBe(201);
    expect(ids[1]).toBe(ids[0]);
    const third = await gateway.ask('POST', '/v1/grants', { key: operator, json, headers: headers('f') });
    expect(third.body).toEqual(second.body);
    expect(ids).toHaveLength(2);
  });

  it('charges an inference once, and keeps its outcome where only its person can read it', async () => {
    const { key, personId } = await gateway.signUp();
    const before = gateway.content.sent.length;
    const first = await gateway.ask('POST', '/v1/infer', { key, json: text, headers: headers('g') });
    const again = await gateway.ask('POST', '/v1/infer', { key, json: text, headers: headers('g') });
    expect(first.status).toBe(200);
    expect(again.body).toEqual(first.body);
    expect(again.headers.get('watershed-cost-micro')).toBe(first.headers.get('watershed-cost-micro'));
    expect(gateway.content.sent.length).toBe(before + 1);
    expect([...gateway.services.usage.values()].filter((event) => event.personId === personId)).toHaveLength(1);
    const [kept] = await rows('SELECT body, sealed FROM gateway.once WHERE principal = $1 AND key = $2', [
      `person:${personId}`,
      'g',
    ]);
    expect(kept.sealed).toBe(true);
    expect(kept.body.toString('latin1')).not.toContain('labels');
    await gateway.ask('POST', '/v1/me/close', { key, json: { confirm: personId } });
    expect(await rows('SELECT 1 FROM gateway.once WHERE principal = $1', [`person:${personId}`])).toEqual([]);
  });

  it('keeps nothing by which a dump could tell what was sent, or from where', async () => {
    const { key, personId } = await gateway.signUp();
    const sent = { ...text, text: 'Yes.' };
    await gateway.ask('POST', '/v1/infer', { key, json: sent, headers: headers('i') });
    await gateway.ask('POST', '/v1/people', { json: { label: 'from somewhere' }, headers: headers('i') });
    const kept = await rows(`SELECT principal, request_hash FROM gateway.once WHERE key = 'i' ORDER BY principal`);
    expect(kept.map(({ principal }) => principal)).toEqual([
      expect.stringMatching(/^address:[\w-]{43}$/),
      `person:${personId}`,
    ]);
    const guess = createHash('sha256')
      .update('POST /v1/infer\napplication/json\n')
      .update(JSON.stringify(sent))
      .digest();
    expect(kept[1].request_hash).toHaveLength(32);
    expect(kept[1].request_hash.equals(guess)).toBe(false);
    // The same request of someone else has another hash, or equal rows would tell that two people sent the same.
    const other = await gateway.signUp();
    await gateway.ask('POST', '/v1/infer', { key: other.key, json: sent, headers: headers('i') });
    const hashes = await rows(`SELECT DISTINCT request_hash FROM gateway.once WHERE key = 'i'`);
    expect(hashes).toHaveLength(3);
  });

  it('tells who repeats too early to wait', async () => {
    const { key } = await gateway.signUp();
    const release = gateway.content.hold();
    const sent = gateway.content.sent.length;
    const first = gateway.ask('POST', '/v1/infer', { key, json: text, headers: headers('h') });
    await eventually(() => expect(gateway.content.sent.length).toBe(sent + 1));
    const early = await gateway.ask('POST', '/v1/infer', { key, json: text, headers: headers('h') });
    expect(early).toMatchObject({ status: 409, body: { code: 'idempotency_in_progress' } });
    expect(early.headers.get('retry-after')).toBe('1');
    release();
    expect((await first).status).toBe(200);
  });
});
