import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import pg from 'pg';
import { z } from 'zod';
import {
  ConfigError,
  common,
  commonEnvShape,
  type Env,
  flag,
  InternalNetwork,
  NodeRanges,
  nodeRangesShape,
  parseEnv,
  port,
  postgresPlace,
  postgresUrl,
  redisPlace,
  redisUrl,
  Secret,
  secret,
  withoutLocalPaths,
} from './index.js';

const planted = 'hunter2-PLANTED';
const good = {
  WATERSHED_CLUSTER_ID: 'a'.repeat(43),
  WATERSHED_CLUSTER_NAME: 'Lyon',
  WATERSHED_REGION: 'EU/FR',
  WATERSHED_DATA_DIR: '/tmp/x',
  WATERSHED_REDIS_URL: `redis://:${planted}@127.0.0.1:6379`,
};

describe('a secret', () => {
  it('is given only to who asks for it by name', () => {
    const value = new Secret(planted);
    const printed = [
      String(value),
      `${value}`,
      JSON.stringify({ value }),
      inspect({ value }, { depth: 9, showHidden: true }),
      Object.keys(value),
    ];
    expect(printed.join()).not.toContain(planted);
    expect(value.reveal()).toBe(planted);
  });
});

describe('settings', () => {
  it('are parsed once, typed, with defaults', () => {
    const config = common(good);
    expect(config).toMatchObject({ clusterName: 'Lyon', region: 'EU/FR', logLevel: 'info' });
    expect(config.redisUrl.reveal()).toContain(planted);
    expect(JSON.stringify(config)).not.toContain(planted);
  });

  it('list every wrong variable in one error, and repeat no value', () => {
    const schema = z.object({
      ...commonEnvShape,
      TOLL_PORT: port(),
      TOLL_DATABASE_URL: secret(),
      TOLL_STRICT: flag(),
      TOLL_MODE: z.enum(['a', 'b']),
    });
    const env = {
      ...good,
      WATERSHED_REGION: planted,
      TOLL_PORT: planted,
      TOLL_DATABASE_URL: '',
      TOLL_STRICT: planted,
      TOLL_MODE: planted,
    };
    let message = '';
    try {
      parseEnv(schema, env, 'toll');
    } catch (error) {
      message = String(error);
    }
    for (const name of ['WATERSHED_REGION', 'TOLL_PORT', 'TOLL_DATABASE_URL', 'TOLL_STRICT', 'TOLL_MODE'])
      expect(message).toContain(name);
    expect(message).toContain('TOLL_DATABASE_URL: is missing');
    expect(message).toContain('TOLL_MODE: must be one of a, b');
    expect(message).toContain('toll');
    expect(message).not.toContain(planted);
    expect(message).not.toContain('WATERSHED_DATA_DIR');
  });

  it.each([
    ['0', 0],
    ['65535', 65535],
    ['65536', undefined],
    ['-1', undefined],
    ['1.5', undefined],
    ['x', undefined],
  ])('port %s is %s', (text, expected) => {
    expect(port().safeParse(text).data).toBe(expected);
  });
});

describe('the internal network', () => {
  it('is this machine and what the operator declares, by name, address or range', () => {
    const network = new InternalNetwork(['redis', 'db.internal', '10.1.0.0/16', '192.0.2.7', 'fd00:1::/32']);
    const inside = ['localhost', '127.0.0.1', '127.8.9.1', '::1', '[::1]', '::ffff:127.0.0.1', '', '/run/redis.sock'];
    const declared = ['redis', 'REDIS', 'db.internal.', '10.1.255.3', '192.0.2.7', '[fd00:1::7]'];
    for (const host of [...inside, ...declared]) expect([host, network.has(host)]).toEqual([host, true]);
    const outside = ['0.0.0.0', '::', '10.2.0.1', '192.0.2.8', '128.0.0.1', 'redis.example', 'localhost.example', 'db'];
    for (const host of outside) expect([host, network.has(host)]).toEqual([host, false]);
  });

  it.each(['10.0.0.0/33', '10.0.0.0/x', 'a b', 'http://redis', '10.0.0.0/8/8', '/8'])(
    'is not declared by %p',
    (place) => {
      expect(() => common({ ...good, WATERSHED_INTERNAL_NETWORK: place })).toThrow(
        /WATERSHED_INTERNAL_NETWORK: must list/,
      );
    },
  );
});

describe('the ranges of nodes', () => {
  const ranges = (listed?: string, network: string[] = []) => {
    const { WATERSHED_NODE_RANGES } = parseEnv(z.object(nodeRangesShape), { WATERSHED_NODE_RANGES: listed }, 'index');
    return new NodeRanges(new InternalNetwork(network), WATERSHED_NODE_RANGES);
  };
  const within = (of: NodeRanges, hosts: readonly string[], ofFirstOperator = false) =>
    hosts.map((host) => [host, of.has(host, ofFirstOperator)]);
  const all = (hosts: readonly string[], answer: boolean) => hosts.map((host) => [host, answer]);

  it('are this machine, private addresses and the internal network where the operator lists nothing', () => {
    const inside = ['localhost', '127.0.0.1', '[::1]', '10.9.8.7', '172.31.0.1', '192.168.1.1', '[fd12::7]', 'runner'];
    const outside = ['8.8.8.8', '172.32.0.1', '169.254.169.254', '0.0.0.0', '[2001:db8::1]', '[fe80::1]', 'db.example'];
    for (const nothing of [undefined, '']) {
      expect(within(ranges(nothing, ['runner']), inside)).toEqual(all(inside, true));
      expect(within(ranges(nothing, ['runner']), outside)).toEqual(all(outside, false));
    }
  });

  it('are what the operator lists, and for the first operator their internal network, too', () => {
    const listed = ranges('10.1.0.0/16, fd00:1::/32, node.example, .pool.example', ['runner']);
    const inside = ['10.1.2.3', '[::ffff:a01:203]', '[fd00:1::7]', 'NODE.example.', 'a.b.pool.example'];
    const outside = ['10.2.0.1', '192.168.1.1', 'pool.example', 'xpool.example', 'x.node.example', 'node.example.evil'];
    expect(within(listed, inside)).toEqual(all(inside, true));
    expect(within(listed, outside, true)).toEqual(all(outside, false));
    const internal = ['127.0.0.1', 'localhost', '[::1]', 'runner'];
    expect(within(listed, internal)).toEqual(all(internal, false));
    expect(within(listed, internal, true)).toEqual(all(internal, true));
  });

  it.each(['10.0.0.0/33', '.', '*.example', 'https://node.example', 'a b'])('are not named by %p', (text) => {
    expect(() => ranges(text)).toThrow(/WATERSHED_NODE_RANGES: must list/);
  });
});

describe('the address of a Redis or Postgres', () => {
  const schema = z.object({ REDIS: redisUrl().optional(), DATABASE: postgresUrl().optional() });
  const told = (env: Env): string => {
    try {
      const { REDIS, DATABASE } = parseEnv(schema, env, 'app');
      return (REDIS ?? DATABASE)?.reveal() ?? '';
    } catch (error) {
      return error instanceof ConfigError ? error.problems.map(({ message }) => message).join() : String(error);
    }
  };
  const plain = /plain text/;

  it.each([
    [{ REDIS: `redis://:${planted}@10.0.0.9:6379` }, plain],
    [{ REDIS: `redis://:${planted}@0.0.0.0:6379` }, plain],
    [{ DATABASE: `postgres://u:${planted}@db.example/x` }, plain],
    [{ DATABASE: `postgres://u:${planted}@db.example/x?sslmode=require` }, plain],
    [{ DATABASE: `postgres://u:${planted}@db.example/x?sslmode=no-verify` }, plain],
    [{ DATABASE: `postgres://u:${planted}@db.example/x?sslmode=verify-full&sslmode=disable` }, plain],
    [{ DATABASE: `postgres://u:${planted}@127.0.0.1/x?host=db.example` }, plain],
    // By the socket nothing leaves this machine; who is told the address beside it, or knows no sockets, leads elsewhere.
    [{ REDIS: `redis://:${planted}@elsewhere.example?socket=/run/redis.sock` }, /beside a host elsewhere/],
    [{ REDIS: `redis://:${planted}@localhost?socket=elsewhere.example` }, /absolute path/],
    [{ REDIS: `redis://:${planted}@localhost?socket=` }, /absolute path/],
    [{ REDIS: `redis://:${planted}@localhost?socket=/run/redis.sock&socket=relative` }, /absolute path/],
    [{ REDIS: `rediss://:${planted}@localhost?socket=/run/redis.sock` }, /speaks no TLS/],
    [{ DATABASE: `postgres://u:${planted}@db.example/x?host=/run/postgresql` }, plain],
    [{ REDIS: planted }, /must be a URL/],
    [{ DATABASE: `postgres://u:${planted}@%zz/x` }, /must be a URL/],
    [{ DATABASE: `postgres://u:${planted}@localhost/x?host=%25zz` }, /must be a URL/],
    // Without a host, Postgres's client takes the one of PGHOST, wherever that is.
    [{ DATABASE: `postgres:///x?user=u&password=${planted}` }, /must name a host/],
    [{ DATABASE: `postgres:///x?host=&password=${planted}` }, /must name a host/],
    [{ REDIS: `rediss://:${planted}@r.example`, WATERSHED_CA_FILE: '/nowhere/ca.pem' }, /cannot be read/],
  ])('is refused, and not repeated, where it leads off this machine without TLS: %#', (env, problem) => {
    expect(told(env)).toMatch(problem);
    expect(told(env)).not.toContain(planted);
  });

  it.each([
    { REDIS: 'redis://:p@127.0.0.1:6379' },
    { REDIS: 'redis://redis:6379', WATERSHED_INTERNAL_NETWORK: 'postgres,redis' },
    { DATABASE: 'postgres://u:p@postgres/x', WATERSHED_INTERNAL_NETWORK: 'postgres,redis' },
    { DATABASE: 'postgres://u:p@localhost/x?sslmode=disable' },
    { DATABASE: 'postgres://u:p@%2Frun%2Fpostgresql/x' },
    { DATABASE: 'postgres://u:p@127.0.0.1:4101/x?host=%2Frun%2Fpostgresql' },
    { REDIS: 'redis://:p@127.0.0.1:4102?socket=%2Frun%2Fredis.sock' },
    { REDIS: 'redis://:p@redis?socket=/run/redis.sock', WATERSHED_INTERNAL_NETWORK: 'redis' },
    { REDIS: 'rediss://u:p@r.example:6380' },
    { DATABASE: 'postgres://u:p@db.example/x?sslmode=verify-full' },
  ])('is taken as it is: %p', (env) => {
    expect(told(env)).toBe(env.REDIS ?? env.DATABASE);
  });

  it('names the authority that vouches for it, its own before everybody’s', () => {
    const file = fileURLToPath(import.meta.url);
    const env = { REDIS: 'rediss://r.example', WATERSHED_CA_FILE: file };
    expect(redisPlace(told(env))).toMatchObject({ host: 'r.example', tls: { ca: readFileSync(file, 'utf8') } });
    expect(redisPlace(told({ REDIS: env.REDIS })).tls).toEqual({ servername: 'r.example' });
    const own = `${env.REDIS}?sslrootcert=${encodeURIComponent(file)}`;
    expect(told({ ...env, REDIS: own, WATERSHED_CA_FILE: '/nowhere' })).toBe(own);
    expect(withoutLocalPaths(own)).toBe(env.REDIS);
    // Where it is not spoken to by TLS, nobody has to vouch.
    expect(told({ ...env, REDIS: 'redis://localhost' })).toBe('redis://localhost');
  });

  it('is read as connection options', () => {
    expect(redisPlace('redis://n%20:p%2F@[::1]:7/3')).toEqual({
      host: '::1',
      port: 7,
      username: 'n ',
      password: 'p/',
      db: 3,
    });
    expect(redisPlace('rediss://10.0.0.9')).toEqual({ host: '10.0.0.9', port: 6379, tls: {} });
    expect(redisPlace('redis://:p@localhost:7?socket=%2Frun%2Fa%20b.sock')).toEqual({
      host: 'localhost',
      port: 7,
      path: '/run/a b.sock',
      password: 'p',
    });
  });

  it.each([
    ['postgres://u:p@db.example/x', { host: 'db.example', port: 5432 }],
    ['postgres://u:p@[::1]:7/x', { host: '::1', port: 7 }],
    ['postgres://u:p@db.example/x?host=other&port=8', { host: 'other', port: 8 }],
    ['postgres://u:p@localhost:7/x?host=/run/pg', { host: '/run/pg', port: 7, path: '/run/pg/.s.PGSQL.7' }],
    ['postgres://u:p@%2Frun%2Fpg/x', { host: '/run/pg', port: 5432, path: '/run/pg/.s.PGSQL.5432' }],
    ['socket:/run/pg?db=x', { host: '/run/pg', port: 5432, path: '/run/pg/.s.PGSQL.5432' }],
  ])('is read as Postgres’s own client does: %s', (url, place) => {
    expect(postgresPlace(url)).toEqual(place);
    const { host, port } = new pg.Client({ connectionString: url });
    expect(place).toMatchObject({ host, port });
  });

  it.each([
    ['redis://127.0.0.1:7?socket=%2Frun%2Fredis.sock', 'redis://127.0.0.1:7'],
    ['postgres://127.0.0.1:7/x?host=%2Frun%2Fpg&sslmode=disable', 'postgres://127.0.0.1:7/x?sslmode=disable'],
    ['postgres://db.example/x?sslmode=verify-full&sslrootcert=/ca.pem', 'postgres://db.example/x?sslmode=verify-full'],
    ['postgres://u@%2Frun%2Fpg:7/x?sslmode=disable', 'postgres://u@localhost:7/x?sslmode=disable'],
    ['postgres://127.0.0.1/x?host=inner', 'postgres://127.0.0.1/x?host=inner'],
  ])('is told to other machines without the files of this one: %s', (url, told) => {
    expect(withoutLocalPaths(url)).toBe(told);
  });
});
