import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import pg from 'pg';
import { TestGateway } from '../testing/test-gateway.js';

describe('tokens of other issuers', () => {
  let gateway: TestGateway;
  let issuer: Server;
  let url: string;
  let keys: Awaited<ReturnType<typeof generateKeyPair>>;

  beforeAll(async () => {
    keys = await generateKeyPair('ES256');
    const jwk = { ...(await exportJWK(keys.publicKey)), kid: 'k1', alg: 'ES256', use: 'sig' };
    issuer = createServer((_request, response) => {
      response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys: [jwk] }));
    });
    await new Promise<void>((resolve) => issuer.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(issuer.address() as AddressInfo).port}`;
    const silent = 'http://127.0.0.1:9';
    gateway = await TestGateway.start({
      GATEWAY_OIDC_ISSUERS: JSON.stringify([
        { issuer: url, jwksUri: `${url}/jwks`, audience: 'watershed' },
        { issuer: silent, jwksUri: `${silent}/jwks`, audience: 'watershed' },
      ]),
    });
  }, 60_000);
  afterAll(async () => {
    await gateway.stop();
    await new Promise((resolve) => issuer.close(resolve));
  });

  const token = (claims: { sub?: string; iss?: string; aud?: string; exp?: string; role?: string } = {}) =>
    new SignJWT({ role: claims.role ?? 'operator', roles: ['operator'], scope: 'nodes:manage' })
      .setProtectedHeader({ alg: 'ES256', kid: 'k1' })
      .setSubject(claims.sub ?? 'alice')
      .setIssuer(claims.iss ?? url)
      .setAudience(claims.aud ?? 'watershed')
      .setExpirationTime(claims.exp ?? '5m')
      .sign(keys.privateKey);

  it('are one person for one issuer and subject, made once however many come first', async () => {
    const bearer = await token();
    const all = await Promise.all(Array.from({ length: 6 }, () => gateway.ask('GET', '/v1/me', { key: bearer })));
    const ids = new Set(all.map(({ body }) => (body.person as { personId: string }).personId));
    expect(all.map(({ status }) => status)).toEqual(Array(6).fill(200));
    expect(ids.size).toBe(1);
    const other = await gateway.ask('GET', '/v1/me', { key: await token({ sub: 'bob' }) });
    expect(ids).not.toContain((other.body.person as { personId: string }).personId);
    expect((await gateway.ask('GET', '/v1/purse', { key: bearer })).status).toBe(200);
  });

  it('bring no role with them, whatever they claim', async () => {
    const me = await gateway.ask('GET', '/v1/me', { key: await token({ sub: 'mallory' }) });
    expect(me.body).toMatchObject({ person: { role: 'person' }, via: 'oidc' });
    expect((await gateway.ask('GET', '/v1/audit', { key: await token({ sub: 'mallory' }) })).body).toMatchObject({
      code: 'role_missing',
    });
  });

  it.each([
    ['another audience', { aud: 'elsewhere' }, 'token_invalid'],
    ['an issuer that is not listed', { iss: 'https://other.example' }, 'token_invalid'],
    ['an expiry in the past', { exp: '-1m' }, 'token_expired'],
  ])('are refused for %s', async (_what, claims, code) => {
    expect(await gateway.ask('GET', '/v1/me', { key: await token(claims) })).toMatchObject({
      status: 401,
      body: { code },
    });
  });

  it('are refused where somebody else signed them, and for now where the issuer is silent', async () => {
    const stranger = await generateKeyPair('ES256');
    const forged = await new SignJWT({})
      .setProtectedHeader({ alg: 'ES256', kid: 'k1' })
      .setSubject('alice')
      .setIssuer(url)
      .setAudience('watershed')
      .setExpirationTime('5m')
      .sign(stranger.privateKey);
    expect((await gateway.ask('GET', '/v1/me', { key: forged })).body).toMatchObject({ code: 'token_invalid' });
    const silent = await gateway.ask('GET', '/v1/me', { key: await token({ iss: 'http://127.0.0.1:9' }) });
    expect(silent).toMatchObject({ status: 504, body: { code: 'deadline_exceeded' } });
  });

  it('die with the account of their person, of whom nothing is kept that tells who it was', async () => {
    const bearer = await token({ sub: 'carol-of-the-mill' });
    const { personId } = (await gateway.ask('GET', '/v1/me', { key: bearer })).body.person as { personId: string };
    expect((await gateway.ask('POST', '/v1/me/close', { key: bearer, json: { confirm: personId } })).status).toBe(200);
    expect((await gateway.ask('GET', '/v1/me', { key: bearer })).body).toMatchObject({ code: 'person_closed' });
    const another = await token({ sub: 'carol-of-the-mill', exp: '9m' });
    expect((await gateway.ask('GET', '/v1/me', { key: another })).body).toMatchObject({ code: 'person_closed' });
    const client = new pg.Client({ connectionString: gateway.database.adminUrl });
    await client.connect();
    try {
      const { rows } = await client.query('SELECT subject FROM gateway.identity WHERE person_id = $1', [personId]);
      expect(rows).toEqual([{ subject: expect.stringMatching(/^closed:[\w-]{43}$/) }]);
    } finally {
      await client.end();
    }
  });

  it('make no person where strangers may not sign up, and know those who came before', async () => {
    const known = await token({ sub: 'dora' });
    expect((await gateway.ask('GET', '/v1/me', { key: known })).status).toBe(200);
    for (const [mode, code] of [
      ['invitation', 'invitation_needed'],
      ['closed', 'sign_up_closed'],
    ] as const) {
      const issuers = JSON.stringify([{ issuer: url, jwksUri: `${url}/jwks`, audience: 'watershed' }]);
      const strict = await TestGateway.start({ GATEWAY_SIGN_UP: mode, GATEWAY_OIDC_ISSUERS: issuers }, gateway);
      try {
        const stranger = await token({ sub: `eve-${mode}` });
        expect(await strict.ask('GET', '/v1/me', { key: stranger })).toMatchObject({ status: 403, body: { code } });
        expect((await strict.ask('GET', '/v1/me', { key: known })).status).toBe(200);
      } finally {
        await strict.app.close();
      }
    }
  }, 30_000);

  it('hold no scope that an operator or an auditor needs, whatever they claim', async () => {
    const bearer = await token({ sub: 'mallory' });
    const { scopes } = (await gateway.ask('GET', '/v1/me', { key: bearer })).body;
    expect(scopes).not.toEqual(expect.arrayContaining([expect.stringMatching(/^(nodes|models|grants|people|audit):/)]));
    for (const [method, path, json] of [
      ['POST', '/v1/grants', { personId: '01926f0e-0000-7000-8000-000000000000', amountMicro: '1' }],
      ['POST', '/v1/invitations', {}],
      ['GET', '/v1/people', undefined],
      ['GET', '/v1/nodes', undefined],
      ['GET', '/v1/audit', undefined],
    ] as const)
      expect((await gateway.ask(method, path, { key: bearer, json })).body).toMatchObject({ code: 'role_missing' });
  });
});
