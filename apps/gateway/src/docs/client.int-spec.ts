import { createClient, GatewayError } from '#client';
import { TestGateway } from '../testing/test-gateway.js';

/** The published contract, as a third party's TypeScript meets it: these calls compile only while it says what is so. */
describe('the client that is generated from the contract', () => {
  let gateway: TestGateway;
  let credential: string | undefined;
  const client = () => createClient({ url: gateway.url, credential: () => credential });
  const refusal = (call: Promise<unknown>) =>
    call.then(
      () => Promise.reject(new Error('it was answered')),
      (error: unknown) => (error instanceof GatewayError ? error : Promise.reject(error)),
    );

  beforeAll(async () => {
    gateway = await TestGateway.start();
  }, 60_000);
  afterAll(() => gateway.stop());

  it('signs up, looks at the account, makes a key, lists and revokes it', async () => {
    const { data: made } = await client().POST('/v1/people', { body: { homeRegion: gateway.cluster.region } });
    credential = made?.key.secret;
    const { data: me } = await client().GET('/v1/me');
    expect(me).toMatchObject({ person: { personId: made?.person.personId, homeRegion: gateway.cluster.region } });
    const { data: key } = await client().POST('/v1/keys', { body: { scopes: ['infer'], label: 'for a program' } });
    const { data: keys } = await client().GET('/v1/keys', { params: { query: { limit: 10 } } });
    expect(keys?.items.map(({ keyId }) => keyId)).toContain(key?.keyId);
    await client().DELETE('/v1/keys/{keyId}', { params: { path: { keyId: key?.keyId ?? '' } } });
    const again = await client().GET('/v1/keys', { params: { query: { limit: 10 } } });
    expect(again.data?.items.find(({ keyId }) => keyId === key?.keyId)?.revokedAt).toEqual(expect.any(String));
  });

  it('throws a refusal with the code of its problem', async () => {
    credential = undefined;
    expect(await refusal(client().GET('/v1/me'))).toMatchObject({ code: 'unauthenticated', status: 401 });
    credential = (await gateway.signUp()).key;
    const foreign = await refusal(client().GET('/v1/audit', { params: { query: {} } }));
    expect(foreign).toMatchObject({ code: 'role_missing', problem: { status: 403, type: expect.any(String) } });
    const closed = createClient({ url: 'http://127.0.0.1:9' });
    expect(await refusal(closed.GET('/v1/me'))).toMatchObject({ code: 'unreachable', status: 0 });
  });
});
