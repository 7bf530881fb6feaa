import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import { Registry } from 'prom-client';
import { z } from 'zod';
import { Bus } from '#bus';
import { defineBroadcast, defineMethod, type ServiceName } from '#contracts';
import { defineJob, handleJob, JobProducer, JobWorker, queuePrefix } from '#queues';
import { eventually, leakCheck, TestDirectory, type TestRedis, testLogger, testRedis } from '#testing';
import { nodeAclRules } from './node-acl.js';
import { sha256Hex, withLogin } from './node-password.js';
import { RedisUsers } from './redis-users.js';

const echo = defineMethod({
  name: 'toll-echo',
  service: 'toll',
  request: z.object({ text: z.string() }),
  response: z.object({ text: z.string() }),
  callers: ['gateway'],
  idempotent: false,
  timeoutMs: 2_000,
});
const beat = defineBroadcast({ name: 'heartbeat', payload: z.object({ n: z.number() }), senders: ['toll', 'runner'] });

interface Member {
  readonly nodeId: string;
  readonly service: ServiceName;
  readonly password: string;
}

const member = (service: ServiceName): Member => ({
  nodeId: randomBytes(32).toString('base64url'),
  service,
  password: randomBytes(24).toString('base64url'),
});

describe('what a node that turned bad can do with its own Redis login', () => {
  const [gateway, toll, index, orchestrator, thief] = (
    ['gateway', 'toll', 'index', 'orchestrator', 'runner'] as const
  ).map(member) as [Member, Member, Member, Member, Member];
  const members = [gateway, toll, index, orchestrator, thief];
  let redis: TestRedis;
  let users: RedisUsers;
  let raw: Redis;
  let admin: Redis;
  let caller: Bus;
  let callee: Bus;
  let leaks: ReturnType<typeof leakCheck>;
  const heard: string[] = [];
  const ran: string[] = [];

  const urlOf = ({ nodeId, password }: Member): string => withLogin(redis.url, nodeId, password);
  const loginOf = ({ nodeId, service, password }: Member) => ({
    nodeId,
    services: [service],
    passwordSha256: sha256Hex(password),
  });
  const channel = (...segments: string[]): string => [redis.clusterId, ...segments].join(':');
  const busOf = ({ nodeId, service, ...rest }: Member): Promise<Bus> => {
    const directory = new TestDirectory(redis.clusterId);
    for (const each of members) directory.add(each.nodeId, each.service);
    return Bus.connect({
      redisUrl: urlOf({ nodeId, service, ...rest }),
      identity: { clusterId: redis.clusterId, nodeId, services: [service] },
      directory,
      logger: testLogger(),
      metrics: { registry: new Registry() },
    });
  };
  const refused = async (...command: [string, ...string[]]): Promise<void> => {
    await expect(raw.call(...command)).rejects.toThrow(/^NOPERM/);
  };

  beforeAll(async () => {
    leaks = leakCheck();
    redis = await testRedis();
    admin = new Redis(redis.url);
    users = await RedisUsers.connect(redis.url, redis.clusterId);
    await users.rebuild(members.map(loginOf));
    [caller, callee] = await Promise.all([busOf(gateway), busOf(toll)]);
    callee.handle(echo, ({ text }, from) => {
      ran.push(from.nodeId);
      return { text };
    });
    caller.on(beat, (_payload, from) => void heard.push(from));
    raw = new Redis(urlOf(thief), { maxRetriesPerRequest: 1 });
    await raw.ping();
  });
  afterAll(async () => {
    await Promise.all([caller.close(), callee.close()]);
    raw.disconnect();
    await users.rebuild([]);
    expect(await users.names()).toEqual([]);
    users.close();
    await admin.quit();
    await redis.close();
    await leaks.expectNothingLeft();
  });
  beforeEach(() => {
    heard.length = 0;
    ran.length = 0;
  });

  it('leaves honest nodes what they need: calls, answers, broadcasts, who the index is', async () => {
    await expect(caller.call(echo, { text: 'hello' })).resolves.toEqual({ text: 'hello' });
    await callee.broadcast(beat, { n: 1 });
    await eventually(() => heard.includes(toll.nodeId));
    await admin.zadd(`${redis.clusterId}:index:instances`, 1, index.nodeId);
    await expect(caller.redis.zrangebyscore(`${redis.clusterId}:index:instances`, 0, 1)).resolves.toEqual([
      index.nodeId,
    ]);
  });

  it('calling, answering or beating as another node', async () => {
    await refused('PUBLISH', channel(toll.nodeId, gateway.nodeId, echo.name), '{}');
    await refused('PUBLISH', channel(gateway.nodeId, toll.nodeId, 'reply'), '{}');
    await refused('PUBLISH', channel('all', toll.nodeId, 'heartbeat'), '{}');
    await refused('SPUBLISH', channel('all', toll.nodeId, 'heartbeat'), '{}');
    // In one EVAL, too.
    await refused('EVAL', "return redis.call('PUBLISH', ARGV[1], '{}')", '0', channel('all', toll.nodeId, 'heartbeat'));
  });

  it('a fifth segment passes Redis, is nobody’s, and is counted', async () => {
    const call = JSON.stringify({ i: 'forged', n: 1, t: 1_000, s: 0, d: { text: '' } });
    const [beforeCall, beforeBeat] = [callee, caller].map((bus) => bus.droppedFor('channel_malformed'));
    expect(await raw.publish(channel(toll.nodeId, gateway.nodeId, thief.nodeId, echo.name), call)).toBe(1);
    expect(await raw.publish(channel('all', toll.nodeId, thief.nodeId, 'heartbeat'), call)).toBe(2);
    await eventually(() => callee.droppedFor('channel_malformed') === (beforeCall ?? 0) + 2);
    await eventually(() => caller.droppedFor('channel_malformed') === (beforeBeat ?? 0) + 1);
    expect([ran, heard]).toEqual([[], []]);
  });

  it('calling as itself beyond its type: the callee refuses by the catalogue', async () => {
    const bus = await busOf(thief);
    await expect(bus.call(echo, { text: '' })).rejects.toMatchObject({ code: 'caller_not_allowed' });
    expect(ran).toEqual([]);
    await bus.close();
  });

  it('answering a call that was made to another', async () => {
    const before = caller.droppedFor('reply_unasked');
    await raw.publish(channel(gateway.nodeId, thief.nodeId, 'reply'), '{"i":"any","n":1,"d":{}}');
    await eventually(() => caller.droppedFor('reply_unasked') === before + 1);
  });

  it.each([
    ['another’s calls and replies', () => ['PSUBSCRIBE', channel(gateway.nodeId, '*')]],
    ['one reply channel of another', () => ['SUBSCRIBE', channel(gateway.nodeId, toll.nodeId, 'reply')]],
    ['all of the cluster', () => ['PSUBSCRIBE', channel('*')]],
    ['everything', () => ['PSUBSCRIBE', '*']],
    ['a pattern that holds its own and more', () => ['PSUBSCRIBE', channel(`${thief.nodeId}*`)]],
    ['a shard of another', () => ['SSUBSCRIBE', channel(gateway.nodeId, '*')]],
  ])('listening to %s', async (_what, command) => {
    await refused(...(command() as [string, ...string[]]));
  });

  it.each([
    ['who the index is', () => ['ZADD', `${redis.clusterId}:index:instances`, '1', thief.nodeId]],
    ['whom the index heard', () => ['ZRANGE', `${redis.clusterId}:index:heard`, '0', '-1']],
    ['a queue', () => ['LPUSH', `${queuePrefix({ clusterId: redis.clusterId, app: 'compute' })}:placements:wait`, 'x']],
    ['a key of its own making', () => ['SET', thief.nodeId, 'x']],
    ['a key through a script', () => ['EVAL', "return redis.call('GET', 'x')", '0']],
    ['the names of all keys', () => ['SCAN', '0']],
    ['the users', () => ['ACL', 'LIST']],
    ['its own rules', () => ['ACL', 'SETUSER', thief.nodeId, 'allkeys']],
    ['the settings', () => ['CONFIG', 'GET', '*']],
    ['others’ commands', () => ['MONITOR']],
    ['others’ connections', () => ['CLIENT', 'LIST']],
    ['everything', () => ['FLUSHALL']],
  ])('reading or writing %s', async (_what, command) => {
    await refused(...(command() as [string, ...string[]]));
  });

  it('an index has its own keys and no others, an orchestrator its queues and no others', async () => {
    const [ofIndex, ofOrchestrator] = [index, orchestrator].map((each) => new Redis(urlOf(each))) as [Redis, Redis];
    try {
      const script =
        "redis.call('ZADD', KEYS[1], 1, 'a') redis.call('TIME') return redis.call('PEXPIRE', KEYS[1], 1000)";
      await expect(ofIndex.eval(script, 1, `${redis.clusterId}:index:heard`)).resolves.toBe(1);
      await expect(ofIndex.set(`{${redis.clusterId}:compute}:placements:meta`, 'x')).rejects.toThrow(/^NOPERM/);
      await expect(ofOrchestrator.zadd(`${redis.clusterId}:index:instances`, 1, 'x')).rejects.toThrow(/^NOPERM/);
      for (const command of ['SCAN 0', 'KEYS *', 'RANDOMKEY', 'DBSIZE', 'FLUSHDB', 'FUNCTION LIST', 'SCRIPT FLUSH']) {
        const [name = '', ...words] = command.split(' ');
        await expect(ofOrchestrator.call(name, ...words)).rejects.toThrow(/^NOPERM/);
      }
    } finally {
      ofIndex.disconnect();
      ofOrchestrator.disconnect();
    }
  });

  it('an orchestrator’s queue works with its login', async () => {
    const job = defineJob({
      name: 'try-it',
      queue: 'trial',
      schema: z.object({ n: z.number() }),
      attempts: 2,
      timeoutMs: 5_000,
      backoff: { delayMs: 10 },
    });
    const settings = { redisUrl: urlOf(orchestrator), clusterId: redis.clusterId, app: 'compute' };
    const seen: number[] = [];
    const worker = new JobWorker({
      ...settings,
      queue: 'trial',
      handlers: [
        handleJob(job, async ({ n }, { attempt }) => {
          if (attempt === 1) throw new Error('again');
          seen.push(n);
        }),
      ],
    });
    const producer = new JobProducer(settings);
    try {
      await worker.start();
      await producer.add(job, { n: 1 }, { jobId: 'one' });
      await producer.add(job, { n: 2 }, { jobId: 'two', delayMs: 20 });
      await eventually(() => seen.length === 2);
    } finally {
      await worker.close();
      await producer.close();
    }
  });

  it('a password of another node, or none', async () => {
    for (const url of [
      withLogin(redis.url, gateway.nodeId, thief.password),
      withLogin(redis.url, gateway.nodeId, ''),
    ]) {
      const client = new Redis(url, { lazyConnect: true, maxRetriesPerRequest: 0, retryStrategy: () => null });
      client.on('error', () => undefined);
      await expect(client.connect()).rejects.toThrow();
      client.disconnect();
    }
  });

  it('is cut off within a second when its user is removed, and may come back when it is made again', async () => {
    const bus = await busOf(thief);
    await users.remove(thief.nodeId);
    await eventually(() => bus.status === 'reconnecting', { timeoutMs: 1_000 });
    await users.put(loginOf(thief));
    await bus.whenConnected(5_000);
    await bus.close();
  });

  it('names neither password nor another cluster in its rules', () => {
    const rules = nodeAclRules(redis.clusterId, loginOf(thief)).join(' ');
    expect(rules).not.toContain(thief.password);
    expect(rules.match(/[&~][^ )]+/g)?.every((rule) => rule.slice(1).startsWith(redis.clusterId))).toBe(true);
  });
});
