import pg from 'pg';
import { TestGateway } from '../testing/test-gateway.js';

interface Invited {
  invitationId: string;
  code: string;
}

describe('signing up by invitation', () => {
  let gateway: TestGateway;
  beforeAll(async () => {
    gateway = await TestGateway.start({ GATEWAY_SIGN_UP: 'invitation' });
  }, 60_000);
  afterAll(() => gateway.stop());

  const invite = async (json: unknown = {}, headers: Record<string, string> = {}) => {
    const made = await gateway.ask('POST', '/v1/invitations', { key: gateway.operatorKey(), json, headers });
    expect(made.status).toBe(201);
    return made.body as unknown as Invited & Record<string, unknown>;
  };
  const signUp = (invitation?: string) =>
    gateway.ask('POST', '/v1/people', { json: invitation === undefined ? {} : { invitation } });
  const query = async (sql: string, values: unknown[] = []) => {
    const client = new pg.Client({ connectionString: gateway.database.adminUrl });
    await client.connect();
    try {
      return (await client.query(sql, values)).rows;
    } finally {
      await client.end();
    }
  };
  const people = async () => Number((await query('SELECT count(*) FROM gateway.person'))[0].count);

  it('takes a code that an operator made, once, also of many who bring it at the same moment', async () => {
    expect(await signUp()).toMatchObject({ status: 403, body: { code: 'invitation_needed' } });
    const { code, invitationId } = await invite({ label: 'the baker' });
    const before = await people();
    const all = await Promise.all(Array.from({ length: 8 }, () => signUp(code)));
    expect(all.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(all.filter(({ body }) => body.code === 'invitation_invalid')).toHaveLength(7);
    expect(await people()).toBe(before + 1);
    const person = all.find(({ status }) => status === 201)?.body.person as { personId: string } | undefined;
    const listed = await gateway.ask('GET', '/v1/invitations?limit=200', { key: gateway.operatorKey() });
    expect(listed.body.items).toContainEqual(
      expect.objectContaining({ invitationId, label: 'the baker', state: 'redeemed', redeemedBy: person?.personId }),
    );
    expect(listed.text).not.toContain(code);
  });

  it('keeps a code as its hash alone, and shows it once', async () => {
    const headers = { 'idempotency-key': 'invite-once' };
    const first = await invite({}, headers);
    const again = await invite({}, headers);
    expect(again).toMatchObject({ invitationId: first.invitationId, state: 'open' });
    expect(again.code).toBeUndefined();
    const rows = await query('SELECT row_to_json(i)::text AS text FROM gateway.invitation i');
    expect(rows.map(({ text }) => text).join()).not.toContain(first.code);
    expect((await signUp(first.code.toUpperCase())).status).toBe(201);
  });

  it('gives a sign-up that is repeated with its Idempotency-Key the same answer, and uses up one code', async () => {
    const { code } = await invite();
    const request = { json: { invitation: code }, headers: { 'idempotency-key': 'sign-up-once' } };
    const first = await gateway.ask('POST', '/v1/people', request);
    const again = await gateway.ask('POST', '/v1/people', request);
    expect([first.status, again.status]).toEqual([201, 201]);
    expect(again.body.person).toEqual(first.body.person);
  });

  it('makes no person of a code that is unknown, revoked or expired, and says the same of each', async () => {
    const revoked = await invite();
    const path = `/v1/invitations/${revoked.invitationId}`;
    for (const status of [204, 204])
      expect((await gateway.ask('DELETE', path, { key: gateway.operatorKey() })).status).toBe(status);
    const expired = await invite({ expiresInHours: 1 });
    await query(`UPDATE gateway.invitation SET expires_at = now() WHERE invitation_id = $1`, [expired.invitationId]);
    const before = await people();
    const answers = [await signUp('no-such-code'), await signUp(revoked.code), await signUp(expired.code)];
    expect(answers.map(({ status, body }) => [status, body.code])).toEqual(Array(3).fill([403, 'invitation_invalid']));
    expect(new Set(answers.map(({ body }) => body.detail)).size).toBe(1);
    expect(await people()).toBe(before);
    const unknown = '/v1/invitations/01926f0e-0000-7000-8000-000000000000';
    expect((await gateway.ask('DELETE', unknown, { key: gateway.operatorKey() })).body).toMatchObject({
      code: 'not_found',
    });
  });

  it('is for operators to decide, and stands in their audit log', async () => {
    const { code } = await invite();
    const key = ((await signUp(code)).body.key as { secret: string }).secret;
    expect((await gateway.ask('POST', '/v1/invitations', { key, json: {} })).body).toMatchObject({
      code: 'role_missing',
    });
    expect((await gateway.ask('GET', '/v1/invitations', { key })).body).toMatchObject({ code: 'role_missing' });
    const log = await gateway.ask('GET', '/v1/audit?limit=200', { key: gateway.operatorKey() });
    expect(log.body.items).toContainEqual(expect.objectContaining({ action: 'invitation.create', phase: 'done' }));
    expect(log.text).not.toContain(code);
    // Nor for a key of theirs that an agent may hold.
    const ordinary = await gateway.ask('POST', '/v1/keys', {
      key: gateway.operatorKey(),
      json: { scopes: ['people:manage'] },
    });
    expect(ordinary.body).toMatchObject({ code: 'scope_missing' });
  });

  it('lets nobody in where it is closed, with an invitation or without', async () => {
    const { code } = await invite();
    const closed = await TestGateway.start(
      { GATEWAY_SIGN_UP: 'closed' },
      { database: gateway.database, dataDir: gateway.dataDir },
    );
    try {
      for (const json of [{}, { invitation: code }])
        expect(await closed.ask('POST', '/v1/people', { json })).toMatchObject({
          status: 403,
          body: { code: 'sign_up_closed' },
        });
    } finally {
      await closed.app.close();
    }
  }, 30_000);
});
