import { eventually } from '#testing';
import { runCommand, StartedCluster } from './started-cluster.js';

const minutes = (n: number) => n * 60_000;
const sentence = { model: 'watershed/language-id', text: 'Ogni persona ha diritto alla libertà.' };
/** At the starting price; half of the day's pool, which is what newcomers get, pays five. */
const costMicro = 120;

interface SignedUp {
  person: { personId: string };
  key: { secret: string };
  recoveryCode: string;
}

describe('people who come by invitation, with nothing in their purse', () => {
  let cluster: StartedCluster;
  let ann: SignedUp;
  let key: string;

  beforeAll(async () => {
    cluster = await StartedCluster.start({
      env: {
        GATEWAY_SIGN_UP: 'invitation',
        TOLL_OPENING_BALANCE_MICRO: '0',
        TOLL_ALLOWANCE_POOL_MICRO: String(10 * costMicro),
        TOLL_ALLOWANCE_LEAST_SHARERS: '1',
      },
    });
  }, minutes(4));
  afterAll(async () => {
    await cluster?.stop();
    cluster?.removeData();
  }, minutes(1));

  const ask = async <Body>(method: string, path: string, by?: string, json?: unknown) => {
    const { status, body } = await cluster.request(method, path, by, json);
    return { status, body: body as Body & { code?: string } };
  };
  const invited = async (): Promise<SignedUp> => {
    const made = cluster.watershed(['people', 'invite', '--label', 'a neighbour']);
    expect(made.stderr).toBe('');
    const invitation = /^code +(\S+)$/m.exec(made.stdout)?.[1];
    const signedUp = await ask<SignedUp>('POST', '/v1/people', undefined, { invitation });
    expect(signedUp.status).toBe(201);
    const again = await ask('POST', '/v1/people', undefined, { invitation });
    expect(again.body.code).toBe('invitation_invalid');
    return signedUp.body;
  };

  it(
    'come in with the code of an operator alone',
    async () => {
      expect((await ask('POST', '/v1/people', undefined, {})).body.code).toBe('invitation_needed');
      ann = await invited();
      key = ann.key.secret;
      expect(cluster.watershed(['people', 'invitations']).stdout).toMatch(
        new RegExp(`redeemed .*${ann.person.personId}`),
      );
    },
    minutes(1),
  );

  it(
    'are served out of the pool of the day, which more of them do not make larger',
    async () => {
      const codes: unknown[] = [];
      for (let n = 0; n < 6; n++) codes.push((await ask('POST', '/v1/infer', key, sentence)).body.code ?? 'served');
      expect(codes).toEqual([...Array(5).fill('served'), 'purse_empty']);
      const ben = await invited();
      expect(await ask('POST', '/v1/infer', ben.key.secret, sentence)).toMatchObject({
        status: 402,
        body: { code: 'purse_empty' },
      });
      expect((await ask('GET', '/v1/purse/allowance', key)).body).toMatchObject({
        poolMicro: '1200',
        givenMicro: '600',
        mineMicro: '600',
        leftMicro: '0',
      });
      await eventually(async () => {
        const { body } = await ask<{ items: { kind: string; amountMicro: string }[] }>(
          'GET',
          '/v1/purse/statement',
          key,
        );
        const sum = (kind: string) =>
          body.items.reduce((total, item) => (item.kind === kind ? total + Number(item.amountMicro) : total), 0);
        expect([sum('allowance'), sum('usage')]).toEqual([600, -600]);
      });
    },
    minutes(1),
  );

  it(
    'get their account back by the code of the sign-up, and nobody with an old key stays in',
    async () => {
      const token = (await ask<{ token: string }>('POST', '/v1/token', key, {})).body.token;
      const back = runCommand(
        'npm',
        ['run', '-s', 'watershed', '--', '--url', cluster.url, 'people', 'recover', ann.person.personId],
        { WATERSHED_RECOVERY_CODE: ann.recoveryCode },
      );
      expect(back.code).toBe(0);
      for (const old of [key, token]) expect((await ask('GET', '/v1/me', old)).body.code).toBe('key_revoked');
      key = /^key +(\S+)$/m.exec(back.stdout)?.[1] ?? '';
      expect((await ask('GET', '/v1/me', key)).body).toMatchObject({ person: { personId: ann.person.personId } });
    },
    minutes(1),
  );

  it(
    'go for good: access at once, then pods and purse, and the books still balance',
    async () => {
      const operator = cluster.operatorKey;
      const { personId } = ann.person;
      const granted = await ask('POST', '/v1/grants', operator, { personId, amountMicro: '5000' });
      expect(granted.status).toBe(201);
      expect((await ask('POST', '/v1/pods', key, {})).status).toBe(201);
      expect((await ask('POST', '/v1/infer', key, sentence)).status).toBe(200);
      const closed = cluster.watershed(['people', 'close', '--yes'], key);
      expect(closed.code).toBe(0);
      expect((await ask('GET', '/v1/me', key)).body.code).toBe('person_closed');
      await eventually(
        async () =>
          expect((await ask('GET', `/v1/people/${personId}`, operator)).body).toMatchObject({
            erasedAt: expect.any(String),
          }),
        { timeoutMs: 40_000 },
      );
      const totals = await ask<{ assets: { sumMicro: string; heldMicro: string }[] }>(
        'GET',
        '/v1/audit/ledger',
        operator,
      );
      expect(totals.body.assets).toEqual([expect.objectContaining({ sumMicro: '0', heldMicro: '0' })]);
      expect((await ask('POST', '/v1/grants', operator, { personId, amountMicro: '1' })).body.code).toBe('not_found');
    },
    minutes(2),
  );
});
