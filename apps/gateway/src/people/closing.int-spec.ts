import pg from 'pg';
import { accessChanged, podDelete, podList, tollClosePurse } from '#contracts';
import { WatershedError } from '#errors';
import { openDatabase } from '#persistence';
import { eventually } from '#testing';
import { ContentSeal } from '../once/content-seal.js';
import { TestGateway } from '../testing/test-gateway.js';

describe('closing an account', () => {
  let gateway: TestGateway;
  beforeAll(async () => {
    gateway = await TestGateway.start();
  }, 60_000);
  afterAll(() => gateway.stop());

  const close = (key: string, personId: string) =>
    gateway.ask('POST', '/v1/me/close', { key, json: { confirm: personId } });
  const state = async (personId: string) =>
    (await gateway.ask('GET', `/v1/people/${personId}`, { key: gateway.operatorKey() })).body;
  const erased = (personId: string) =>
    eventually(async () => expect(await state(personId)).toMatchObject({ erasedAt: expect.any(String) }));
  /** Pods in the pod host, by their owner's grant or anybody's: the fake knows one owner. */
  const pods = (...podIds: string[]) => {
    gateway.cluster.handle(podList, () => ({ items: podIds.map(podOf) }));
    gateway.cluster.handle(podDelete, ({ podId }) => {
      const at = podIds.indexOf(podId);
      if (at >= 0) podIds.splice(at, 1);
      return {};
    });
    return podIds;
  };

  it('is confirmed by the own id, and not open to operators, as long as they are', async () => {
    const { key, personId } = await gateway.signUp();
    const other = await gateway.signUp();
    for (const json of [{ confirm: other.personId }, {}, { confirm: true }])
      expect((await gateway.ask('POST', '/v1/me/close', { key, json })).body).toMatchObject({
        code: 'invalid_request',
      });
    expect((await gateway.ask('GET', '/v1/me', { key })).body).toMatchObject({ person: { personId } });
    const operator = gateway.operatorKey();
    const { person } = (await gateway.ask('GET', '/v1/me', { key: operator })).body as { person: { personId: string } };
    expect(await close(operator, person.personId)).toMatchObject({ status: 409, body: { code: 'conflict' } });
    const ordinary = (await gateway.ask('POST', '/v1/keys', { key, json: {} })).body.secret as string;
    expect((await close(ordinary, personId)).body).toMatchObject({ code: 'scope_missing' });
  });

  it('ends keys and tokens at once, then pods and purse, and says when nothing is left', async () => {
    const left = pods('01926f0e-0000-7000-8000-000000000001', '01926f0e-0000-7000-8000-000000000002');
    const { personId, key, recoveryCode } = await gateway.signUp();
    const second = (await gateway.ask('POST', '/v1/keys', { key, json: {} })).body.secret as string;
    const token = (await gateway.ask('POST', '/v1/token', { key, json: {} })).body.token as string;
    const closed = await close(key, personId);
    expect(closed).toMatchObject({ status: 200, body: { personId, closedAt: expect.any(String) } });
    for (const dead of [key, second, token])
      expect(await gateway.ask('GET', '/v1/me', { key: dead })).toMatchObject({
        status: 403,
        body: { code: 'person_closed' },
      });
    expect((await close(key, personId)).body).toMatchObject({ code: 'person_closed' });
    expect((await gateway.ask('POST', '/v1/people/recover', { json: { personId, recoveryCode } })).status).toBe(401);
    expect(gateway.cluster.told).toContainEqual({ name: accessChanged.name, payload: { personId } });
    await erased(personId);
    expect(left).toEqual([]);
    expect(gateway.services.closedPurses).toContain(personId);
    expect(gateway.services.purses.get(personId)).toBe(0n);
    expect(await state(personId)).toMatchObject({ person: { personId, label: '' }, closedAt: closed.body.closedAt });
    const listed = await gateway.ask('GET', '/v1/people?limit=200', { key: gateway.operatorKey() });
    expect(listed.text).not.toContain(personId);
  });

  it('goes on after every failure of another service, and ends the same', async () => {
    const left = pods('01926f0e-0000-7000-8000-000000000003');
    let failures = 0;
    const failing = <Request, Answer>(times: number, work: (request: Request) => Answer) => {
      let rest = times;
      return (request: Request): Answer => {
        if (rest-- <= 0) return work(request);
        failures++;
        throw new WatershedError('node_unreachable', 'Not now.');
      };
    };
    gateway.cluster.handle(
      podDelete,
      failing(2, () => {
        left.splice(0);
        return {};
      }),
    );
    const settles = [false, true];
    gateway.cluster.handle(
      tollClosePurse,
      failing(1, () => ({ settled: settles.shift() ?? true, returnedMicro: '0', asset: 'drop' })),
    );
    const { personId, key } = await gateway.signUp();
    expect((await close(key, personId)).status).toBe(200);
    await erased(personId);
    expect([failures, left, settles]).toEqual([3, [], []]);
  });

  it('is finished by the next gateway where the first one died in between', async () => {
    pods();
    let reachable = false;
    gateway.cluster.handle(tollClosePurse, () => {
      if (reachable) return { settled: true, returnedMicro: '0', asset: 'drop' };
      throw new WatershedError('node_unreachable', 'Not now.');
    });
    const { personId, key } = await gateway.signUp();
    await close(key, personId);
    await gateway.app.close();
    expect(await erasedAt(gateway, personId)).toBeNull();
    reachable = true;
    gateway = await restarted(gateway);
    await erased(personId);
  }, 30_000);

  it('keeps of a person that other services know by id only that', async () => {
    pods();
    const { personId, key } = await gateway.signUp({ label: 'a name that means me' });
    await gateway.ask('POST', '/v1/keys', { key, json: { label: 'my telephone' } });
    // Its answer is kept for a repetition, sealed under a key of theirs.
    const json = { model: 'watershed/language-id', text: 'Jeder Mensch hat das Recht zu gehen.' };
    const headers = { 'idempotency-key': 'last-words' };
    expect((await gateway.ask('POST', '/v1/infer', { key, json, headers })).status).toBe(200);
    expect(await keptOf(gateway, personId)).toEqual({ answers: 1, keys: 1 });
    await close(key, personId);
    const database = await openDatabase({ url: gateway.database.urlFor('gateway'), applicationName: 'closing test' });
    try {
      // An answer that was under way would otherwise make a key anew.
      const late = new ContentSeal(database, Buffer.alloc(32, 1)).seal(personId, Buffer.from('late'), 'late');
      await expect(late).rejects.toMatchObject({ code: 'person_closed' });
    } finally {
      await database.close();
    }
    expect(await keptOf(gateway, personId)).toEqual({ answers: 0, keys: 0 });
    await erased(personId);
    const client = new pg.Client({ connectionString: gateway.database.adminUrl });
    await client.connect();
    try {
      const { rows } = await client.query(
        `SELECT p.label, p.recovery_hash, p.wrapped_key, array_agg(k.label) AS labels FROM gateway.person p
         JOIN gateway.api_key k USING (person_id) WHERE person_id = $1 GROUP BY p.person_id`,
        [personId],
      );
      expect(rows).toEqual([{ label: '', recovery_hash: null, wrapped_key: null, labels: ['', ''] }]);
    } finally {
      await client.end();
    }
  });
});

/** The same database and keys under another process's gateway. */
async function restarted(before: TestGateway): Promise<TestGateway> {
  return TestGateway.start({}, { database: before.database, dataDir: before.dataDir, cluster: before.cluster });
}

async function erasedAt(gateway: TestGateway, personId: string): Promise<Date | null> {
  const client = new pg.Client({ connectionString: gateway.database.adminUrl });
  await client.connect();
  try {
    return (await client.query('SELECT erased_at FROM gateway.person WHERE person_id = $1', [personId])).rows[0]
      .erased_at;
  } finally {
    await client.end();
  }
}

/** Sealed answers of a person, and keys that open them. */
async function keptOf(gateway: TestGateway, personId: string): Promise<{ answers: number; keys: number }> {
  const client = new pg.Client({ connectionString: gateway.database.adminUrl });
  await client.connect();
  try {
    const { rows } = await client.query(
      `SELECT (SELECT count(*)::int FROM gateway.once WHERE principal = 'person:' || $1::text) AS answers,
         (SELECT count(wrapped_key)::int FROM gateway.person WHERE person_id::text = $1) AS keys`,
      [personId],
    );
    return rows[0];
  } finally {
    await client.end();
  }
}

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
