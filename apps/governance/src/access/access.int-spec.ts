import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import pg from 'pg';
import { sha256Hex, withLogin } from '#access';
import { InternalNetwork, NodeRanges } from '#config';
import type { Membership, NodeManifest, Operator, ServiceName } from '#contracts';
import { signedManifest } from '#node';
import { type Database, openDatabase, scramVerifier } from '#persistence';
import { generateSigil, type Sigil } from '#sigil';
import { eventually, type TestDatabase, type TestRedis, testDatabase, testRedis } from '#testing';
import { AccessRepository } from './access.repository.js';
import { SqlDatabaseLogins } from './database-logins.adapter.js';
import { AccessEngine, type Redemption } from './engine/access-engine.js';
import { missingRedisLogins } from './engine/rebuild-logins.js';
import { RedisLoginsAdapter } from './redis-logins.adapter.js';

describe('who may log in where', () => {
  let redis: TestRedis;
  let template: TestDatabase;
  let database: Database;
  let logins: RedisLoginsAdapter;
  let engine: AccessEngine;
  let genesis: Sigil;
  let other: Sigil;
  let open: { disconnect(): void }[];
  const expelled = new Set<string>();

  const operatorOf = (sigil: Sigil): Operator => ({
    operatorId: sigil.thumbprint,
    name: 'operator',
    key: sigil.publicJwk,
    since: new Date().toISOString(),
  });
  const engineOver = (redisLogins: RedisLoginsAdapter): AccessEngine =>
    new AccessEngine({
      clusterId: redis.clusterId,
      store: new AccessRepository(database),
      redis: redisLogins,
      database: new SqlDatabaseLogins(database, template.adminUrl),
      genesisOperatorId: genesis.thumbprint,
      nodeRanges: new NodeRanges(new InternalNetwork(['inner'])),
      operators: async () => [operatorOf(genesis), operatorOf(other)],
      membership: async (nodeId) => (expelled.has(nodeId) ? ({ nodeId, state: 'expelled' } as Membership) : undefined),
    });

  beforeAll(async () => {
    [redis, template, genesis, other] = await Promise.all([
      testRedis(),
      testDatabase(),
      generateSigil('operator'),
      generateSigil('operator'),
    ]);
    database = await openDatabase({ url: template.urlFor('governance'), applicationName: 'access-test' });
    logins = new RedisLoginsAdapter({ adminUrl: redis.url, publicUrl: undefined, clusterId: redis.clusterId });
    engine = engineOver(logins);
    await logins.open(
      () => engine.rebuild(),
      () => undefined,
    );
  });
  afterAll(async () => {
    await logins.rebuild([]);
    logins.close();
    await database.close();
    await template.close();
    await redis.close();
  });
  beforeEach(() => {
    open = [];
  });
  afterEach(() => {
    for (const client of open) client.disconnect();
  });

  interface Guest {
    readonly sigil: Sigil;
    readonly ticket: string;
    readonly password: string;
    readonly redemption: Redemption;
  }
  const manifestOf = (
    sigil: Sigil,
    services: readonly ServiceName[],
    operator = genesis,
    url?: string,
  ): Promise<NodeManifest> =>
    signedManifest(
      {
        type: 'watershed/node-manifest',
        nodeId: sigil.thumbprint,
        clusterId: redis.clusterId,
        region: 'EU/FR',
        types: ['compute'],
        services: [...services],
        ...(url ? { url, tlsFingerprint: 'f'.repeat(64) } : {}),
        key: sigil.publicJwk,
        operatorId: operator.thumbprint,
        issuedAt: new Date().toISOString(),
      },
      sigil,
      operator,
    );
  const issue = async (nodeId: string, services: readonly ServiceName[], expiresInSeconds = 60): Promise<string> => {
    const ticket = randomBytes(32).toString('base64url');
    await engine.issue({ ticketSha256: sha256Hex(ticket), nodeId, services, issuedBy: 'test', expiresInSeconds });
    return ticket;
  };
  const guest = async (services: readonly ServiceName[] = ['runner'], operator = genesis): Promise<Guest> => {
    const sigil = await generateSigil('node');
    const ticket = await issue(sigil.thumbprint, services);
    const password = randomBytes(24).toString('base64url');
    return {
      sigil,
      ticket,
      password,
      redemption: {
        ticketSha256: sha256Hex(ticket),
        manifest: await manifestOf(sigil, services, operator),
        redisPasswordSha256: sha256Hex(password),
        databaseVerifier: scramVerifier(sigil.thumbprint, password),
      },
    };
  };
  const users = async (): Promise<string[]> => {
    const admin = new Redis(redis.url);
    open.push(admin);
    return ((await admin.call('ACL', 'USERS')) as string[]).sort();
  };
  const connect = (url: string): Redis => {
    const client = new Redis(url, { retryStrategy: () => null, maxRetriesPerRequest: 0 });
    client.on('error', () => undefined);
    open.push(client);
    return client;
  };
  /** Runs what must be refused, and sees that neither users nor records changed by it. */
  const refused = async (attempt: () => Promise<unknown>, code: string): Promise<void> => {
    const before = [await users(), await new AccessRepository(database).records()];
    await expect(attempt()).rejects.toMatchObject({ code });
    expect([await users(), await new AccessRepository(database).records()]).toEqual(before);
  };

  it('a ticket lets its node in, with the passwords that the node chose and nobody else knows', async () => {
    const { sigil, password, redemption } = await guest();
    const answer = await engine.redeem(redemption);
    expect(answer.clusterId).toBe(redis.clusterId);
    expect(answer.databaseUrl).toBeUndefined();
    expect(answer.redisUrl).not.toContain(password);
    const client = connect(withLogin(answer.redisUrl, sigil.thumbprint, password));
    await expect(client.publish(`${redis.clusterId}:all:${sigil.thumbprint}:heartbeat`, '{}')).resolves.toBe(0);
    await expect(client.publish(`${redis.clusterId}:all:another:heartbeat`, '{}')).rejects.toThrow(/^NOPERM/);
    expect(await engine.mayServe(sigil.thumbprint, ['runner'])).toBeUndefined();
    await expect(engine.mayServe(sigil.thumbprint, ['toll'])).rejects.toMatchObject({ code: 'manifest_invalid' });
  });

  it('tells nodes addresses, never the sockets by which it goes itself', () => {
    const adminUrl = 'redis://u:p@10.0.0.1:7?socket=%2Frun%2Fredis.sock';
    const toRedis = new RedisLoginsAdapter({ adminUrl, publicUrl: undefined, clusterId: redis.clusterId });
    expect(toRedis.url).toBe('redis://10.0.0.1:7');
    const toPostgres = new SqlDatabaseLogins(database, 'postgres://u:p@10.0.0.1:7/x?host=%2Frun%2Fpostgresql');
    expect(toPostgres.url).toBe('postgres://10.0.0.1:7/x');
  });

  it('keeps neither ticket nor password', async () => {
    const { ticket, password, redemption } = await guest();
    await engine.redeem(redemption);
    const admin = new pg.Client({ connectionString: template.adminUrl });
    await admin.connect();
    const { rows } = await admin.query(
      'SELECT t::text FROM governance.join_ticket t UNION ALL SELECT a::text FROM governance.access a',
    );
    await admin.end();
    expect(JSON.stringify(rows)).toContain(sha256Hex(ticket));
    expect(JSON.stringify(rows)).not.toContain(ticket);
    expect(JSON.stringify(rows)).not.toContain(password);
  });

  it('a ticket is used once, of many that come at once', async () => {
    const { redemption } = await guest();
    const outcomes = await Promise.allSettled(
      Array.from({ length: 8 }, () =>
        engine.redeem({ ...redemption, redisPasswordSha256: sha256Hex(randomBytes(8).toString('hex')) }),
      ),
    );
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const outcome of outcomes)
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'ticket_used' });
    await refused(() => engine.redeem(redemption), 'ticket_used');
  });

  it('the same request is answered again where its answer was lost, and writes nothing a second time', async () => {
    const { sigil, redemption } = await guest(['toll']);
    const outcomes = await Promise.all(Array.from({ length: 6 }, () => engine.redeem(redemption)));
    expect(new Set(outcomes.map((answer) => JSON.stringify(answer))).size).toBe(1);
    const state = async () => {
      const { rows } = await database.pool.query(
        'SELECT a::text AS access, t::text AS ticket FROM governance.access a JOIN governance.join_ticket t USING (node_id) WHERE node_id = $1',
        [sigil.thumbprint],
      );
      return rows;
    };
    const before = await state();
    expect(before).toHaveLength(1);
    await expect(engine.redeem(redemption)).resolves.toEqual(outcomes[0]);
    expect(await state()).toEqual(before);
  });

  it('whoever read a ticket and a manifest on their way cannot have the login opened to passwords of their own', async () => {
    const { redemption } = await guest(['toll']);
    await engine.redeem(redemption);
    const theirs = randomBytes(24).toString('base64url');
    await refused(() => engine.redeem({ ...redemption, redisPasswordSha256: sha256Hex(theirs) }), 'ticket_used');
    const verifier = scramVerifier(redemption.manifest.nodeId, theirs);
    await refused(() => engine.redeem({ ...redemption, databaseVerifier: verifier }), 'ticket_used');
  });

  it('is not answered again when the ticket has expired, nor when the node has joined anew since', async () => {
    const [late, anew] = [await guest(), await guest()];
    for (const { redemption } of [late, anew]) await engine.redeem(redemption);
    await database.pool.query('UPDATE governance.join_ticket SET expires_at = now() WHERE ticket_sha256 = $1', [
      late.redemption.ticketSha256,
    ]);
    await refused(() => engine.redeem(late.redemption), 'ticket_used');
    await engine.redeem({
      ...anew.redemption,
      ticketSha256: sha256Hex(await issue(anew.sigil.thumbprint, ['runner'])),
      redisPasswordSha256: sha256Hex('another'),
    });
    await refused(() => engine.redeem(anew.redemption), 'ticket_used');
  });

  it('a ticket is of no use to another node, for another service, when it has expired, or when nobody made it', async () => {
    const [one, two] = [await guest(), await guest()];
    await refused(() => engine.redeem({ ...two.redemption, ticketSha256: sha256Hex(one.ticket) }), 'ticket_mismatch');
    const more = await manifestOf(one.sigil, ['runner', 'registry']);
    await refused(() => engine.redeem({ ...one.redemption, manifest: more }), 'ticket_mismatch');
    await refused(() => engine.redeem({ ...one.redemption, ticketSha256: sha256Hex('made up') }), 'ticket_invalid');
    const late = await issue(one.sigil.thumbprint, ['runner'], 0);
    await refused(() => engine.redeem({ ...one.redemption, ticketSha256: sha256Hex(late) }), 'ticket_expired');
    await expect(engine.redeem(one.redemption)).resolves.toBeDefined();
  });

  it('a manifest that nobody signed, that a stranger signed, or that was changed lets nobody in', async () => {
    const { sigil, redemption } = await guest();
    const { manifest } = redemption;
    const attempt = (changed: NodeManifest) => () => engine.redeem({ ...redemption, manifest: changed });
    const [own, operators] = manifest.signatures;
    if (!own || !operators) throw new Error('a manifest has two signatures');
    await refused(attempt({ ...manifest, signatures: [own] }), 'signature_invalid');
    await refused(attempt({ ...manifest, signatures: [operators] }), 'signature_invalid');
    await refused(attempt({ ...manifest, region: 'EU/DE' }), 'signature_invalid');
    await refused(attempt({ ...manifest, nodeId: 'x'.repeat(43) }), 'manifest_invalid');
    await refused(attempt({ ...manifest, clusterId: 'x'.repeat(43) }), 'manifest_invalid');
    await refused(attempt(await manifestOf(sigil, ['runner'], await generateSigil('operator'))), 'manifest_invalid');
    await expect(engine.redeem(redemption)).resolves.toBeDefined();
  });

  it('another operator than the first brings runners only', async () => {
    await expect(engine.redeem((await guest(['runner'], other)).redemption)).resolves.toBeDefined();
    const toll = await guest(['toll'], other);
    await refused(() => engine.redeem(toll.redemption), 'manifest_invalid');
  });

  it('a node lies where the operator lists, or its ticket stays as it is', async () => {
    const { sigil, redemption } = await guest();
    const at = async (url: string) => ({ ...redemption, manifest: await manifestOf(sigil, ['runner'], genesis, url) });
    for (const url of ['https://203.0.113.9:4105', 'https://10.0.0.7@node.example', 'ftp://10.0.0.7']) {
      const elsewhere = await at(url);
      await refused(() => engine.redeem(elsewhere), 'node_address_refused');
    }
    const plain = await at('http://10.0.0.7:4105');
    await refused(() => engine.redeem(plain), 'node_address_refused');
    await expect(engine.redeem(await at('https://10.0.0.7:4105'))).resolves.toBeDefined();
  });

  it('where the user cannot be made, the ticket stays good and nothing is left behind', async () => {
    const { sigil, redemption } = await guest(['toll']);
    const put = withoutRedis(logins);
    await expect(engine.redeem(redemption)).rejects.toThrow('no connection');
    put.restore();
    await expect(new AccessRepository(database).record(sigil.thumbprint)).resolves.toBeUndefined();
    await expect(engine.redeem(redemption)).resolves.toMatchObject({ databaseUrl: expect.stringContaining('_i_') });
  });

  it('an instance has its app’s rows by a login of its own; shut out, it is gone from both within a second', async () => {
    const [one, two] = [await guest(['toll']), await guest(['toll'])];
    const [first, second] = [await engine.redeem(one.redemption), await engine.redeem(two.redemption)];
    expect(first.redisUrl).toMatch(/^redis:\/\/[\w-]+@127\.0\.0\.1:\d+\/?$/);
    expect(first.databaseUrl).toMatch(/^postgres:\/\/\w+@127\.0\.0\.1:\d+\/\w+$/);
    const sql = async (url = '', { password }: Guest): Promise<pg.Client> => {
      const { username } = new URL(url);
      const client = new pg.Client({ connectionString: withLogin(url, decodeURIComponent(username), password) });
      client.on('error', () => undefined);
      await client.connect();
      return client;
    };
    const [ofOne, ofTwo] = [await sql(first.databaseUrl, one), await sql(second.databaseUrl, two)];
    await expect(ofOne.query('SELECT count(*) FROM toll.account')).resolves.toBeDefined();
    await expect(ofOne.query('SELECT * FROM gateway.person')).rejects.toMatchObject({ code: '42501' });
    await expect(ofOne.query("SELECT governance.reopen_login('x_i_000000000000000000000000')")).rejects.toMatchObject({
      code: '42501',
    });
    const inRedis = connect(withLogin(first.redisUrl, one.sigil.thumbprint, one.password));
    await inRedis.ping();
    const unused = await issue(one.sigil.thumbprint, ['toll']);

    const startedAt = performance.now();
    expelled.add(one.sigil.thumbprint);
    await engine.revoke(one.sigil.thumbprint);
    await expect(ofOne.query('SELECT 1')).rejects.toThrow();
    await eventually(() => inRedis.status === 'end');
    await expect(sql(first.databaseUrl, one)).rejects.toMatchObject({ code: '28000' });
    expect(performance.now() - startedAt).toBeLessThan(1_000);
    await expect(ofTwo.query('SELECT 1')).resolves.toBeDefined();

    await refused(() => issue(one.sigil.thumbprint, ['toll']), 'node_expelled');
    await refused(() => engine.redeem({ ...one.redemption, ticketSha256: sha256Hex(unused) }), 'node_expelled');
    await engine.revoke(one.sigil.thumbprint);
    // Neither a restart of governance nor one of Redis lets it in again.
    await engine.rebuild();
    expect(await users()).not.toContain(one.sigil.thumbprint);

    expelled.delete(one.sigil.thumbprint);
    await refused(() => engine.redeem({ ...one.redemption, ticketSha256: sha256Hex(unused) }), 'ticket_invalid');
    await engine.restore(one.sigil.thumbprint);
    const again = await sql(first.databaseUrl, one);
    await connect(withLogin(first.redisUrl, one.sigil.thumbprint, one.password)).ping();
    await Promise.all([again.end(), ofTwo.end()]);
  });

  it('counts the nodes whose Redis user is gone, whoever removed it', async () => {
    const places = { store: new AccessRepository(database), redis: logins };
    const [one, two] = [await guest(), await guest()];
    for (const { redemption } of [one, two]) await engine.redeem(redemption);
    expect(await missingRedisLogins(places)).toBe(0);
    const admin = new Redis(redis.url);
    open.push(admin);
    await admin.call('ACL', 'DELUSER', one.sigil.thumbprint);
    expect(await missingRedisLogins(places)).toBe(1);
    // Who was shut out is not missed.
    await engine.revoke(two.sigil.thumbprint);
    expect(await missingRedisLogins(places)).toBe(1);
    await engine.rebuild();
    expect(await missingRedisLogins(places)).toBe(0);
  });

  it('gives no logins where its Redis login may not manage users, and says why', async () => {
    const admin = new Redis(redis.url);
    open.push(admin);
    const user = `limited-${randomBytes(4).toString('hex')}`;
    await admin.call('ACL', 'SETUSER', user, 'on', '>secret', '+@all', '-acl', 'allkeys', 'allchannels');
    const adminUrl = withLogin(redis.url, user, 'secret');
    const limited = new RedisLoginsAdapter({ adminUrl, publicUrl: undefined, clusterId: redis.clusterId });
    await limited.open(
      () => Promise.reject(new Error('nothing is to be rebuilt')),
      () => undefined,
    );
    expect(limited.unmanaged).toContain('ACL');
    const store = new AccessRepository(database);
    const active = (await store.records()).filter(({ state }) => state === 'active');
    expect(await missingRedisLogins({ store, redis: limited })).toBe(Math.max(1, active.length));
    const { redemption } = await guest();
    await refused(() => engineOver(limited).redeem(redemption), 'conflict');
    await admin.call('ACL', 'DELUSER', user);
  });
});

/** Redis as if it went away in the middle of a join. */
function withoutRedis(logins: RedisLoginsAdapter): { restore(): void } {
  const put = logins.put.bind(logins);
  logins.put = () => Promise.reject(new Error('no connection'));
  return {
    restore: () => {
      logins.put = put;
    },
  };
}
