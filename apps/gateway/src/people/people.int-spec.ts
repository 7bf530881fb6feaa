import { statSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { accessChanged, podDelete, podList, tollOpenPurse } from '#contracts';
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
    await eventually(() => expect(gateway.cluster.callsOf(tollOpenPurse)).toContainEqual({ personId }));
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

  it('closes an account: keys die, other gateways are told, pods are deleted', async () => {
    const pods = ['01926f0e-0000-7000-8000-000000000001'];
    gateway.cluster.handle(podList, () => ({ items: pods.map((podId) => podOf(podId)) }));
    gateway.cluster.handle(podDelete, ({ podId }) => {
      pods.splice(pods.indexOf(podId), 1);
      return {};
    });
    const { personId, key } = await gateway.signUp();
    expect((await gateway.ask('DELETE', '/v1/me', { key })).status).toBe(204);
    expect((await gateway.ask('GET', '/v1/me', { key })).body).toMatchObject({ code: 'person_closed' });
    expect(gateway.cluster.told).toContainEqual({ name: accessChanged.name, payload: { personId } });
    await eventually(() => expect(pods).toEqual([]));
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

function podOf(podId: string) {
  return {
    podId,
    ownerId: podId,
    region: 'EU/FR',
    policy: { allowedRegions: ['EU/FR'] },
    sizeBytes: 0,
    resourceCount: 0,
    createdAt: new Date().toISOString(),
  };
}
