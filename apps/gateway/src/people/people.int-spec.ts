import { statSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { tollOpenPurse } from '#contracts';
import { eventually } from '#testing';
import { TestGateway } from '../testing/test-gateway.js';

describe('people', () => {
  let gateway: TestGateway;
  beforeAll(async () => {
    gateway = await TestGateway.start();
  }, 60_000);
  afterAll(() => gateway.stop());

  it('signs up with an opaque id, a first key and a policy under which nothing leaves the region', async () => {
    const made = await gateway.ask('POST', '/v1/people', { json: {} });
    expect(made.status).toBe(201);
    expect(made.body).toMatchObject({
      person: {
        personId: expect.stringMatching(/^[0-9a-f-]{36}$/),
        homeRegion: 'EU/FR',
        role: 'person',
        policy: { allowedRegions: ['EU/FR'], crossBorderAllowed: false },
      },
      key: { secret: expect.stringMatching(/^wsk_[0-9a-f-]{36}_[A-Za-z0-9_-]{43}$/) },
      recoveryCode: expect.any(String),
    });
    const { secret } = made.body.key as { secret: string };
    const me = await gateway.ask('GET', '/v1/me', { key: secret });
    expect(me.body).toMatchObject({ person: made.body.person, via: 'api-key' });
    expect(me.headers.get('watershed-route')).toBe('local');
    expect((await gateway.ask('GET', '/v1/me', { headers: { 'x-api-key': secret } })).status).toBe(200);
  });

  it('opens the purse after sign-up, and at once for who asks sooner', async () => {
    const { personId, key } = await gateway.signUp();
    expect((await gateway.ask('GET', '/v1/purse', { key })).body).toMatchObject({ personId, balanceMicro: '1000000' });
    await eventually(() =>
      expect(gateway.cluster.callsOf(tollOpenPurse)).toContainEqual({ personId, grant: expect.any(String) }),
    );
  });

  it('refuses regions that nobody knows, and members that are none', async () => {
    const unknown = await gateway.ask('POST', '/v1/people', { json: { homeRegion: 'EU/ATLANTIS' } });
    expect(unknown).toMatchObject({ status: 422, body: { code: 'region_unknown' } });
    const { key } = await gateway.signUp();
    const policy = await gateway.ask('PATCH', '/v1/me/policy', { key, json: { allowedRegions: ['XX'] } });
    expect(policy.body).toMatchObject({ code: 'region_unknown' });
    expect((await gateway.ask('POST', '/v1/people', { json: { rôle: 'operator' } })).body).toMatchObject({
      code: 'invalid_request',
    });
  });

  it('changes a policy with effect on the next request', async () => {
    const { key } = await gateway.signUp();
    await gateway.ask('GET', '/v1/me', { key });
    const changed = await gateway.ask('PATCH', '/v1/me/policy', {
      key,
      json: { allowedRegions: ['EU'], crossBorderAllowed: true },
    });
    expect(changed.body).toMatchObject({
      policy: { allowedRegions: ['EU'], crossBorderAllowed: true, encryptionRequired: false },
    });
    expect((await gateway.ask('GET', '/v1/me', { key })).body).toMatchObject({
      person: { policy: { allowedRegions: ['EU'] } },
    });
  });

  it('gives an account back for the recovery code, once, and every key before it dies', async () => {
    const { personId, key, recoveryCode } = await gateway.signUp();
    expect((await gateway.ask('GET', '/v1/me', { key })).status).toBe(200);
    const json = { personId, recoveryCode };
    const both = await Promise.all([1, 2].map(() => gateway.ask('POST', '/v1/people/recover', { json })));
    expect(both.map(({ status }) => status).sort()).toEqual([201, 401]);
    const won = both.find(({ status }) => status === 201);
    const fresh = (won?.body.key as { secret: string } | undefined)?.secret;
    expect((await gateway.ask('GET', '/v1/me', { key })).body).toMatchObject({ code: 'key_revoked' });
    expect((await gateway.ask('GET', '/v1/me', { key: fresh })).body).toMatchObject({ person: { personId } });
    expect((await gateway.ask('POST', '/v1/people/recover', { json })).status).toBe(401);
  });

  it('tells the new secrets of a recovery once, however often it is asked for with one Idempotency-Key', async () => {
    const { personId, key, recoveryCode } = await gateway.signUp();
    const token = (await gateway.ask('POST', '/v1/token', { key, json: {} })).body.token as string;
    expect((await gateway.ask('GET', '/v1/me', { key: token })).status).toBe(200);
    // As a person writes it down.
    const json = { personId, recoveryCode: ` ${recoveryCode.toUpperCase()} ` };
    const headers = { 'idempotency-key': 'recover-once' };
    const first = await gateway.ask('POST', '/v1/people/recover', { json, headers });
    const again = await gateway.ask('POST', '/v1/people/recover', { json, headers });
    expect(first).toMatchObject({
      status: 201,
      body: { key: { secret: expect.any(String) }, recoveryCode: expect.any(String) },
    });
    expect(again.status).toBe(201);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect(again.text).not.toMatch(/secret|recoveryCode|wsk_/);
    expect((await gateway.ask('GET', '/v1/me', { key: token })).body).toMatchObject({ code: 'key_revoked' });
    const next = { personId, recoveryCode: first.body.recoveryCode };
    expect((await gateway.ask('POST', '/v1/people/recover', { json: next })).status).toBe(201);
  });

  it('leaves no key alive that was made with a stolen one while the account was taken back', async () => {
    const { personId, key, recoveryCode } = await gateway.signUp();
    const makers = Array.from({ length: 12 }, (_, n) =>
      gateway.ask('POST', '/v1/keys', { key, json: { label: `${n}` } }),
    );
    const recovered = await gateway.ask('POST', '/v1/people/recover', { json: { personId, recoveryCode } });
    const made = await Promise.all(makers);
    expect(recovered.status).toBe(201);
    const fresh = (recovered.body.key as { secret: string }).secret;
    for (const { status, body } of made) {
      if (status !== 201) continue;
      expect((await gateway.ask('GET', '/v1/me', { key: body.secret as string })).body).toMatchObject({
        code: 'key_revoked',
      });
    }
    const keys = (await gateway.ask('GET', '/v1/keys?limit=200', { key: fresh })).body.items as {
      revokedAt?: string;
    }[];
    expect(keys.filter(({ revokedAt }) => !revokedAt)).toHaveLength(1);
  });

  it('lets nobody guess at recovery codes for long', async () => {
    const few = await TestGateway.start({ GATEWAY_RATE_RECOVERIES: '3' });
    try {
      const { personId } = await few.signUp();
      const json = { personId, recoveryCode: 'guess' };
      const codes: unknown[] = [];
      for (let n = 0; n < 5; n++) codes.push((await few.ask('POST', '/v1/people/recover', { json })).body.code);
      expect(codes).toEqual([...Array(3).fill('unauthenticated'), 'rate_limited', 'rate_limited']);
      expect((await few.ask('POST', '/v1/people', { json: {} })).status).toBe(201);
    } finally {
      await few.stop();
    }
  }, 30_000);

  it('names an auditor, whom the audit log then shows what operators did, and only reading', async () => {
    const operator = gateway.operatorKey();
    const { personId, key } = await gateway.signUp();
    expect((await gateway.ask('GET', '/v1/audit', { key })).body).toMatchObject({ code: 'role_missing' });
    expect((await gateway.ask('PUT', `/v1/people/${personId}/role`, { key, json: { role: 'auditor' } })).status).toBe(
      403,
    );
    const named = await gateway.ask('PUT', `/v1/people/${personId}/role`, { key: operator, json: { role: 'auditor' } });
    expect(named.body).toMatchObject({ role: 'auditor' });
    const listed = await gateway.ask('GET', '/v1/people?limit=200', { key: operator });
    expect((listed.body.items as { personId: string }[]).map((each) => each.personId)).toContain(personId);
  });
});

describe("the operator's account", () => {
  let gateway: TestGateway;
  beforeAll(async () => {
    gateway = await TestGateway.start();
  }, 60_000);
  afterAll(() => gateway.stop());

  const restart = async () => {
    await gateway.app.close();
    return TestGateway.start({}, gateway);
  };

  it('has its key in a file for its owner alone, and keeps it over restarts', async () => {
    const file = join(gateway.dataDir, 'operator', 'api-key');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const key = gateway.operatorKey();
    const again = await restart();
    expect(again.operatorKey()).toBe(key);
    expect((await again.ask('GET', '/v1/me', { key })).body).toMatchObject({
      person: { role: 'operator', operatorId: gateway.cluster.operatorId() },
    });
    unlinkSync(file);
    await again.app.close();
    const third = await TestGateway.start({}, gateway);
    expect(third.operatorKey()).not.toBe(key);
    expect((await third.ask('GET', '/v1/me', { key })).body).toMatchObject({ code: 'key_revoked' });
    expect((await third.ask('GET', '/v1/me', { key: third.operatorKey() })).status).toBe(200);
    await third.app.close();
  });
});
