import { randomBytes } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import pg from 'pg';
import { eventually } from '#testing';
import { type DataMap, type MapRow, parseDataMap, rowFor } from './canary/data-map.js';
import { disguises } from './canary/disguises.js';
import { filesUnder, keysIn, type Place, RedisTap, valuesIn } from './canary/places.js';
import { type Canary, CanarySearch, type Finding } from './canary/search.js';
import { root, StartedCluster } from './started-cluster.js';

const minutes = (n: number) => n * 60_000;
const letters = (count: number): string =>
  [...randomBytes(count)].map((byte) => String.fromCharCode(97 + (byte % 26))).join('');

/** Part of all content that the person sends, in whatever way. */
const content = letters(24);
/** What the person calls the account, keys and requests: may lie where the map says `account`. */
const account = letters(24);
const model = 'watershed/language-id';
const repositoryName = 'watershed--language-id';

let cluster: StartedCluster;
let scratch: string;
let map: DataMap;
let tap: RedisTap;
let redis: Redis;
let databaseUrl: string;
let key: string;
const canaries: Canary[] = [
  { name: 'content', text: content },
  { name: 'account', text: account },
];

/** What of a key is the secret: before it stands the key's id, which lies everywhere. */
const secretPartOf = (apiKey: string): string => apiKey.slice(-32);

interface Sent {
  readonly json?: unknown;
  readonly body?: string | Uint8Array<ArrayBuffer>;
  readonly headers?: Record<string, string>;
  readonly key?: string;
}

async function send(method: string, path: string, { json, body, headers = {}, key: as = key }: Sent = {}) {
  const answer = await fetch(`${cluster.url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${as}`,
      ...(json === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    body: json === undefined ? body : JSON.stringify(json),
    signal: AbortSignal.timeout(40_000),
  });
  const text = await answer.text();
  return { status: answer.status, text, body: text.startsWith('{') ? JSON.parse(text) : {} };
}

const infer = (text: string, headers: Record<string, string> = {}) =>
  send('POST', '/v1/infer', { json: { model, text }, headers });

function tensorOf(text: string) {
  const data = [...Buffer.from(text)];
  return { inputs: [{ name: 'utf8', datatype: 'UINT8', shape: [data.length], data }] };
}

/** All that a person can say, each with the canary in it; answers are checked, so that each is known to have gone its way. */
async function sayEverything(): Promise<void> {
  const text = `Det regnede hele natten ${content} og åen gik over sine bredder.`;
  expect((await infer(text)).status).toBe(200);
  const once = { 'idempotency-key': `request-${account}` };
  const first = await infer(`${text} 1`, once);
  expect(first.status).toBe(200);
  expect((await infer(`${text} 1`, once)).text).toBe(first.text);
  expect((await infer(`${text} 2`, once)).body.code).toBe('idempotency_key_reused');
  expect((await send('POST', `/v2/models/${repositoryName}/infer`, { json: tensorOf(text) })).status).toBe(200);
  const made = await send('POST', '/v1/keys', { json: { scopes: ['infer'], label: `key ${account}` } });
  expect(made.status).toBe(201);
  canaries.push({ name: 'a key', text: secretPartOf(made.body.secret as string) });

  const pod = await send('POST', '/v1/pods', { json: {} });
  const resources = `/v1/pods/${pod.body.podId}/resources`;
  const path = `${resources}/notes%20of%20${content}/${content}.txt`;
  const put = {
    body: `The river was high today ${content}`,
    headers: { 'content-type': `text/plain; note=${content}` },
  };
  expect((await send('PUT', path, put)).status).toBe(201);
  expect((await send('PUT', path, { ...put, body: new Uint8Array(Buffer.from(content.repeat(9_000))) })).status).toBe(
    200,
  );
  expect((await send('GET', path, { headers: { range: `bytes=65530-65545` } })).status).toBe(206);
  expect((await send('GET', `${resources}?prefix=notes%20of%20${content}&limit=1`)).body.items).toHaveLength(1);
  expect((await send('PUT', `${resources}/${content}-gone`, put)).status).toBe(201);
  expect((await send('DELETE', `${resources}/${content}-gone`)).status).toBe(204);

  // Refusals must not repeat what they refuse, neither to a log nor to a bus.
  const refused = [
    await send('POST', '/v1/infer', { json: { model: 'nobody/nothing', text } }),
    await send('POST', '/v1/infer', { body: `{"text": "${content}`, headers: { 'content-type': 'application/json' } }),
    await send('POST', `/v2/models/${repositoryName}/infer`, {
      json: { inputs: [{ name: content, datatype: 'UINT8', shape: [1], data: [content] }] },
    }),
    await send('POST', '/v1/infer', { json: { model, text }, key: `nokey-${content}` }),
    await send('PUT', `${resources}/a//${content}`, put),
    await send('PUT', path, { ...put, headers: { 'if-match': `"${content}"` } }),
    await send('GET', `${resources}/${content}/none`),
    await send('GET', `${resources}?cursor=${content}`),
    await send('GET', `/${content}?${content}=${content}`),
    await send('POST', '/v1/people', { json: { [content]: content } }),
  ];
  for (const { status } of refused) expect(status >= 400 && status < 500 ? 'refused' : status).toBe('refused');
}

async function* everywhere(): AsyncGenerator<Place & { readonly rows: readonly MapRow[]; readonly kind: string }> {
  for await (const place of valuesIn(databaseUrl)) yield { ...place, kind: 'column', rows: map.columns };
  const { clusterId } = JSON.parse(readFileSync(join(cluster.dataFolder, 'running.json'), 'utf8')) as {
    clusterId: string;
  };
  for await (const place of keysIn(redis))
    yield { ...place, kind: 'Redis key', place: place.place.replaceAll(clusterId, '<cluster>'), rows: map.redisKeys };
  const bus: readonly MapRow[] = [{ place: 'MONITOR', protection: 'ids' }];
  for (const place of tap.heard()) yield { ...place, kind: 'bus', rows: bus };
  yield* inFiles();
  const screen = { place: 'screen', bytes: Buffer.from(cluster.output), isValue: false };
  yield { ...screen, kind: 'output', rows: [{ place: 'screen', protection: 'operator' }] };
}

function* inFiles(): Generator<Place & { readonly rows: readonly MapRow[]; readonly kind: string }> {
  for (const place of filesUnder(cluster.dataFolder)) yield { ...place, kind: 'file', rows: map.files };
  // What processes leave in the folder for temporary files, and where they would leave a core file.
  for (const place of filesUnder(scratch))
    yield { ...place, kind: 'temporary file', rows: [{ place: '**', protection: 'ids' }] };
  expect(existsSync(join(root, 'core'))).toBe(false);
}

interface Found extends Finding {
  readonly kind: string;
  readonly place: string;
}

/** What lies where the map does not allow it, and places of which the map does not speak. */
async function wrongs(places: AsyncIterable<Place & { rows: readonly MapRow[]; kind: string }>) {
  const search = new CanarySearch(canaries);
  const found: Found[] = [];
  const unknown = new Set<string>();
  const looked = new Map<string, number>();
  for await (const { place, bytes, isValue, rows, kind } of places) {
    const row = rowFor(rows, place);
    if (!row) unknown.add(`${kind} ${place}`);
    looked.set(kind, (looked.get(kind) ?? 0) + 1);
    for (const finding of search.search(bytes, { asValue: isValue }))
      if (finding.canary !== 'account' || row?.protection !== 'account') found.push({ ...finding, kind, place });
  }
  return { found, unknown: [...unknown], looked };
}

const hearts = ['column', 'Redis key', 'bus', 'file', 'output'];

async function killed(pid: number | undefined): Promise<void> {
  expect(pid).toBeDefined();
  process.kill(pid ?? -1, 'SIGKILL');
  await eventually(async () => expect((await infer(`igen ${content}`)).status).toBe(200), { timeoutMs: 40_000 });
}

const pidOf = (name: string): number | undefined => {
  const running = JSON.parse(readFileSync(join(cluster.dataFolder, 'running.json'), 'utf8')) as {
    processes: { name: string; pid: number }[];
  };
  const written = running.processes.find((each) => each.name === name)?.pid;
  return cluster.processes().find(({ command, pid }) => pid === written || command.includes(`--services ${name}`))?.pid;
};

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), 'watershed-canary-'));
  map = parseDataMap(readFileSync(join(root, 'docs', 'data-map.md'), 'utf8'));
  cluster = await StartedCluster.start({ env: { TMPDIR: scratch, WATERSHED_LOG_LEVEL: 'debug' } });
  const secrets = JSON.parse(readFileSync(join(cluster.dataFolder, 'secrets.json'), 'utf8')) as Record<string, string>;
  databaseUrl = `postgres://postgres:${secrets.postgresPassword}@127.0.0.1:${cluster.port + 1}/postgres`;
  redis = new Redis({ host: '127.0.0.1', port: cluster.port + 2, password: secrets.redisPassword });
  tap = await RedisTap.open(cluster.port + 2, secrets.redisPassword ?? '');
  const { body } = await cluster.request('POST', '/v1/people', undefined, { label: `person ${account}` });
  const person = body as { key: { secret: string }; recoveryCode: string };
  key = person.key.secret;
  canaries.push({ name: 'first key', text: secretPartOf(key) }, { name: 'recovery code', text: person.recoveryCode });
}, minutes(4));

afterAll(async () => {
  tap?.close();
  redis?.disconnect();
  await cluster?.stop();
  cluster?.removeData();
  rmSync(scratch, { recursive: true, force: true });
}, minutes(1));

describe('what a person sends', () => {
  it(
    'is told through everything that takes it, while processes are killed',
    async () => {
      await eventually(async () => expect((await infer(`først ${content}`)).status).toBe(200), { timeoutMs: 60_000 });
      await sayEverything();
      const demo = cluster.run('demo');
      expect(`${demo.stdout}${demo.stderr}`).toContain('parts went as they should');
      const server = () => cluster.processes().find(({ command }) => command.includes('model-server/main.js'))?.pid;
      const talking = Array.from({ length: 3 }, async () => {
        for (let n = 0; n < 40; n += 1)
          await infer(`igen ${content} ${n}`, { 'idempotency-key': letters(8) }).catch(() => undefined);
      });
      for (const pid of [server, () => pidOf('runner'), () => pidOf('core'), () => pidOf('gateway')])
        await killed(pid());
      await Promise.all(talking);
      // The first answer after a kill is not the end of the recovery: other services may still be finding each other.
      await eventually(
        async () => {
          for (let n = 0; n < 10; n += 1) expect((await infer(`igen ${content}`)).status).toBe(200);
          expect((await send('GET', '/v1/pods')).status).toBe(200);
        },
        { timeoutMs: 60_000, intervalMs: 500 },
      );
      await sayEverything();
    },
    minutes(4),
  );

  it(
    'lies nowhere that the data map does not allow, and there is no place of which the map does not speak',
    async () => {
      // A checkpoint writes what only the WAL held into the tables' files; the AOF is written anew beside the old one.
      await onDatabase('CHECKPOINT');
      const { found, unknown, looked } = await wrongs(everywhere());
      expect(unknown).toEqual([]);
      expect(found).toEqual([]);
      for (const kind of hearts) expect([kind, looked.get(kind) ?? 0]).toEqual([kind, expect.any(Number)]);
      expect(Math.min(...hearts.map((kind) => looked.get(kind) ?? 0))).toBeGreaterThan(0);
    },
    minutes(3),
  );

  it(
    'would be found: the same search sees what is planted, in every place and disguise',
    async () => {
      const planted = disguises.map((disguise) => ({ ...disguise, text: letters(24) }));
      const search = new CanarySearch(planted);
      const names = (isWhole: boolean) =>
        planted.filter(({ isHeadless }) => isWhole || !isHeadless).map(({ name }) => name);
      const seen = (bytes: Buffer, asValue: boolean) => search.search(bytes, { asValue }).map(({ canary }) => canary);
      const gather = async (places: AsyncIterable<Place> | Iterable<Place>) => {
        const found = new Set<string>();
        for await (const { bytes, isValue } of places) for (const name of seen(bytes, isValue)) found.add(name);
        return [...found].sort();
      };
      const worn = planted.map(({ wear, text }) => wear(text));

      await onDatabase('CREATE TABLE gateway.canary_planted (bytes bytea)');
      // Three times: what lies on two pages of the WAL has a page's head in its middle.
      for (const bytes of [...worn, ...worn, ...worn])
        await onDatabase('INSERT INTO gateway.canary_planted VALUES ($1)', [bytes]);
      expect(await gather(valuesIn(databaseUrl))).toEqual(names(true).sort());
      const { unknown } = await wrongs(everywhere());
      expect(unknown).toEqual(['column gateway.canary_planted.bytes']);
      const [where] = await onDatabase("SELECT pg_relation_filepath('gateway.canary_planted') AS file");
      await onDatabase('CHECKPOINT');
      expect(await gather(onlyFiles(cluster.dataFolder, `postgres/${where?.file}`))).toEqual(names(false).sort());
      await onDatabase('DROP TABLE gateway.canary_planted');
      expect(await gather(onlyFiles(cluster.dataFolder, 'postgres/pg_wal/'))).toEqual(names(false).sort());

      for (const [at, bytes] of worn.entries()) {
        const names = ['string', 'hash', 'list', 'set', 'zset', 'stream'].map((kind) => `planted:${kind}:${at}`);
        await redis.set(names[0] ?? '', bytes);
        await redis.hset(names[1] ?? '', 'field', bytes);
        await redis.rpush(names[2] ?? '', bytes);
        await redis.sadd(names[3] ?? '', bytes);
        await redis.zadd(names[4] ?? '', 1, bytes);
        await redis.xadd(names[5] ?? '', '*', 'field', bytes);
        await redis.publish('planted', bytes);
      }
      for (const kind of ['string', 'hash', 'list', 'set', 'zset', 'stream']) {
        const kept: Place[] = [];
        for await (const place of keysIn(redis)) if (place.place.startsWith(`planted:${kind}:`)) kept.push(place);
        expect([kind, await gather(kept)]).toEqual([kind, names(true).sort()]);
      }
      await redis.del(...(await redis.keys('planted:*')));
      await eventually(async () => expect(await gather(tap.heard())).toEqual(names(true).sort()));
      await eventually(async () =>
        expect(await gather(onlyFiles(cluster.dataFolder, 'redis/'))).toEqual(names(false).sort()),
      );

      appendFileSync(
        join(cluster.dataFolder, 'logs', 'core.log'),
        Buffer.concat(worn.flatMap((bytes) => [bytes, Buffer.from('\n')])),
      );
      expect(await gather(onlyFiles(cluster.dataFolder, 'logs/core.log'))).toEqual(names(false).sort());
      for (const folder of [join(cluster.dataFolder, 'pods', '.incoming'), scratch]) {
        mkdirSync(folder, { recursive: true });
        for (const [at, bytes] of worn.entries()) writeFileSync(join(folder, `planted-${at}`), bytes);
        expect(await gather(filesUnder(folder))).toEqual(names(true).sort());
      }
    },
    minutes(3),
  );

  it(
    'lies nowhere in the files of a cluster that was stopped, either',
    async () => {
      tap.close();
      redis.disconnect();
      expect(await cluster.stop()).toBe(true);
      const { found } = await wrongs(asynchronous(inFiles()));
      expect(found).toEqual([]);
    },
    minutes(2),
  );
});

async function* asynchronous<Item>(items: Iterable<Item>): AsyncGenerator<Item> {
  yield* items;
}

function* onlyFiles(folder: string, beginning: string): Generator<Place> {
  for (const place of filesUnder(folder)) if (place.place.startsWith(beginning)) yield place;
}

async function onDatabase(sql: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  return client
    .query<Record<string, unknown>>(sql, values)
    .then(({ rows }) => rows)
    .finally(() => client.end());
}
