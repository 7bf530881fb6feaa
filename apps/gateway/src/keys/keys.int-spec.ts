import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { accessChanged } from '#contracts';
import { eventually } from '#testing';
import { TestGateway } from '../testing/test-gateway.js';

interface Issued extends Record<string, unknown> {
  keyId: string;
  secret: string;
  scopes: string[];
}

describe('keys and tokens', () => {
  let gateway: TestGateway;
  beforeAll(async () => {
    gateway = await TestGateway.start();
  }, 60_000);
  afterAll(() => gateway.stop());

  const create = async (key: string, json: object = {}) => {
    const made = await gateway.ask('POST', '/v1/keys', { key, json });
    expect(made.status).toBe(201);
    return made.body as Issued;
  };

  it('makes ordinary keys that hold what their maker holds, less what decides about the account', async () => {
    const { key } = await gateway.signUp();
    const made = await create(key, { label: 'laptop' });
    expect(made.scopes).toContain('infer');
    expect(made.scopes).not.toContain('keys:manage');
    expect((await gateway.ask('GET', '/v1/keys', { key: made.secret })).body).toMatchObject({ code: 'scope_missing' });
    expect((await gateway.ask('GET', '/v1/me', { key: made.secret })).status).toBe(200);
  });

  it.each([['keys:manage'], ['account:manage'], ['consents:manage'], ['nodes:manage']])(
    'never gives an ordinary key %s',
    async (scope) => {
      const { key } = await gateway.signUp();
      const refused = await gateway.ask('POST', '/v1/keys', { key, json: { scopes: ['infer', scope] } });
      expect(refused).toMatchObject({ status: 403, body: { code: 'scope_missing' } });
    },
  );

  it('refuses unknown, malformed, foreign, expired and revoked keys by what is wrong with them', async () => {
    const { key, keyId } = await gateway.signUp();
    const other = await gateway.signUp();
    const wrongSecret = `wsk_${keyId}_${'A'.repeat(43)}`;
    for (const [bad, code] of [
      [`wsk_${randomUUID()}_${'A'.repeat(43)}`, 'key_unknown'],
      [wrongSecret, 'key_unknown'],
      ['wsk_short', 'key_unknown'],
      ['not-a-key', 'token_invalid'],
      ['a.b.c', 'token_invalid'],
    ] as const) {
      const refused = await gateway.ask('GET', '/v1/me', { key: bad });
      expect(refused).toMatchObject({ status: 401, body: { code } });
      expect(refused.headers.get('www-authenticate')).toContain('Bearer');
    }
    expect((await gateway.ask('GET', '/v1/me')).body).toMatchObject({ code: 'unauthenticated' });
    const brief = await create(key, { expiresAt: new Date(Date.now() + 1_200).toISOString() });
    expect((await gateway.ask('GET', '/v1/me', { key: brief.secret })).status).toBe(200);
    await eventually(async () =>
      expect((await gateway.ask('GET', '/v1/me', { key: brief.secret })).body).toMatchObject({ code: 'key_expired' }),
    );
    expect((await gateway.ask('DELETE', `/v1/keys/${brief.keyId}`, { key: other.key })).body).toMatchObject({
      code: 'not_found',
    });
    expect((await gateway.ask('POST', '/v1/keys', { key, json: { expiresAt: '2020-01-01T00:00:00Z' } })).status).toBe(
      400,
    );
  });

  it('revokes with effect on the next request, and tells the other gateways', async () => {
    const { key } = await gateway.signUp();
    const made = await create(key);
    expect((await gateway.ask('GET', '/v1/me', { key: made.secret })).status).toBe(200);
    expect((await gateway.ask('DELETE', `/v1/keys/${made.keyId}`, { key })).status).toBe(204);
    expect((await gateway.ask('GET', '/v1/me', { key: made.secret })).body).toMatchObject({ code: 'key_revoked' });
    expect(gateway.cluster.told).toContainEqual({ name: accessChanged.name, payload: { keyId: made.keyId } });
  });

  it('follows what another gateway announces', async () => {
    const { key } = await gateway.signUp();
    const made = await create(key);
    const twin = await TestGateway.start({}, { database: gateway.database, dataDir: gateway.dataDir });
    try {
      expect((await twin.ask('GET', '/v1/me', { key: made.secret })).status).toBe(200);
      await gateway.ask('DELETE', `/v1/keys/${made.keyId}`, { key });
      expect((await twin.ask('GET', '/v1/me', { key: made.secret })).status).toBe(200);
      twin.cluster.hear(accessChanged, { keyId: made.keyId });
      expect((await twin.ask('GET', '/v1/me', { key: made.secret })).body).toMatchObject({ code: 'key_revoked' });
    } finally {
      await twin.stop();
    }
  });

  it.each([
    ['the key is revoked', 'UPDATE gateway.api_key SET revoked_at = now() WHERE key_id = $1', 'key_revoked'],
    [
      'the account is closed',
      `UPDATE gateway.person SET closed_at = now(), label = '', recovery_hash = NULL, wrapped_key = NULL
       WHERE person_id = (SELECT person_id FROM gateway.api_key WHERE key_id = $1)`,
      'person_closed',
    ],
  ])('makes no key while %s by another', async (_, change, code) => {
    const { key } = await gateway.signUp();
    const keyId = String((await gateway.ask('GET', '/v1/me', { key })).body.keyId);
    const other = new pg.Client({ connectionString: gateway.database.adminUrl });
    await other.connect();
    try {
      await other.query('BEGIN');
      await other.query(change, [keyId]);
      const asked = gateway.ask('POST', '/v1/keys', { key, json: {} });
      await eventually(async () => {
        await other.query('SELECT pg_stat_clear_snapshot()');
        const { rows } = await other.query(
          `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
        );
        expect(rows).toHaveLength(1);
      });
      await other.query('COMMIT');
      expect((await asked).body).toMatchObject({ code });
    } finally {
      await other.end();
    }
  });

  it('rotates: the same rights, another secret, the old one dead, once however many ask', async () => {
    const { key } = await gateway.signUp();
    const made = await create(key, { scopes: ['infer', 'pods:read'] });
    const both = await Promise.all([1, 2].map(() => gateway.ask('POST', `/v1/keys/${made.keyId}/rotate`, { key })));
    expect(both.map(({ status }) => status).sort()).toEqual([201, 401]);
    const fresh = both.find(({ status }) => status === 201)?.body as Issued;
    expect(fresh.scopes.sort()).toEqual(['infer', 'pods:read']);
    expect((await gateway.ask('GET', '/v1/me', { key: made.secret })).body).toMatchObject({ code: 'key_revoked' });
    const listed = await gateway.ask('GET', '/v1/keys', { key });
    expect(listed.body.items).toContainEqual(
      expect.objectContaining({ keyId: fresh.keyId, rotatedFrom: made.keyId, first: false }),
    );
    expect(listed.text).not.toContain(fresh.secret);
  });

  it('pages through keys without a gap or a repetition', async () => {
    const { key } = await gateway.signUp();
    for (let n = 0; n < 4; n++) await create(key, { label: `${n}` });
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await gateway.ask('GET', `/v1/keys?limit=2${cursor ? `&cursor=${cursor}` : ''}`, { key });
      seen.push(...(page.body.items as { label: string }[]).map(({ label }) => label));
      cursor = page.body.nextCursor as string | undefined;
    } while (cursor);
    expect(seen).toEqual(['first key', '0', '1', '2', '3']);
    expect((await gateway.ask('GET', '/v1/keys?cursor=bm9uc2Vuc2U', { key })).body).toMatchObject({
      code: 'cursor_invalid',
    });
    expect((await gateway.ask('GET', '/v1/keys?limit=0', { key })).body).toMatchObject({ code: 'invalid_request' });
  });

  it('exchanges a key for a token that dies with it and gives no other token', async () => {
    const { key, personId } = await gateway.signUp();
    const made = await create(key);
    const exchanged = await gateway.ask('POST', '/v1/token', { key: made.secret, json: { scopes: ['account:read'] } });
    expect(exchanged).toMatchObject({
      status: 200,
      body: { tokenType: 'Bearer', expiresInSeconds: 900, scopes: ['account:read'] },
    });
    const token = exchanged.body.token as string;
    expect((await gateway.ask('GET', '/v1/me', { key: token })).body).toMatchObject({
      person: { personId },
      via: 'token',
      scopes: ['account:read'],
    });
    expect((await gateway.ask('GET', '/v1/purse', { key: token })).body).toMatchObject({ code: 'scope_missing' });
    expect((await gateway.ask('POST', '/v1/token', { key: token, json: {} })).body).toMatchObject({
      code: 'unauthenticated',
    });
    const tampered = `${token.slice(0, -4)}AAAA`;
    expect((await gateway.ask('GET', '/v1/me', { key: tampered })).body).toMatchObject({ code: 'token_invalid' });
    await gateway.ask('DELETE', `/v1/keys/${made.keyId}`, { key });
    expect((await gateway.ask('GET', '/v1/me', { key: token })).body).toMatchObject({ code: 'key_revoked' });
  });

  it('gives a token what decides about the account only when that is asked for by name', async () => {
    const { key } = await gateway.signUp();
    const plain = await gateway.ask('POST', '/v1/token', { key, json: {} });
    expect(plain.body.scopes).not.toContain('keys:manage');
    const named = await gateway.ask('POST', '/v1/token', { key, json: { scopes: ['keys:manage'] } });
    expect((await gateway.ask('GET', '/v1/keys', { key: named.body.token as string })).status).toBe(200);
  });

  it('publishes the keys of its issuer', async () => {
    const jwks = await gateway.ask('GET', '/.well-known/jwks.json');
    expect(jwks.body.keys).toEqual([
      expect.objectContaining({ kty: 'OKP', crv: 'Ed25519', use: 'sig', alg: 'EdDSA', kid: expect.any(String) }),
    ]);
    expect(jwks.text).not.toContain('"d"');
  });
});
