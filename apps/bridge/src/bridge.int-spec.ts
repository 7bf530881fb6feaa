import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import request from 'supertest';
import { bridgeIdentity, clusterDelegation, clusterDescriptor } from '#contracts';
import type { RunningApp } from '#node';
import { openDatabase } from '#persistence';
import { delegatedKeys, verifyDelegation, verifyDocument } from '#sigil';
import { AppStand, eventually } from '#testing';
import { startBridge } from './app.js';

let stand: AppStand;
const running: RunningApp[] = [];

beforeAll(async () => {
  stand = await AppStand.open();
}, 60_000);

afterAll(() => stand?.close());

async function start(change: Record<string, string> = {}): Promise<RunningApp> {
  const env = stand.env('bridge', { WATERSHED_CLUSTER_NAME: 'Lyon', ...change });
  const app = await stand.hold(startBridge(env, { index: stand.index.port() }));
  running.push(app);
  return app;
}

const descriptorOf = async (app: RunningApp) =>
  clusterDescriptor.parse(await (await fetch(`${app.url}/.well-known/watershed/descriptor.json`)).json());

describe('the bridge', () => {
  it('serves the descriptor and the delegation that proves it, to anyone by HTTP', async () => {
    const app = await start({ BRIDGE_PUBLIC_URLS: 'https://lyon.example' });
    const get = (name: string) => request(app.url ?? '').get(`/.well-known/watershed/${name}.json`);
    const answer = await get('descriptor')
      .expect(200)
      .expect('content-type', /^application\/json/);
    const descriptor = clusterDescriptor.parse(answer.body);
    const delegation = clusterDelegation.parse((await get('delegation').expect(200)).body);
    await verifyDelegation(delegation);
    const [key] = delegatedKeys(delegation, 'descriptor', Date.now());
    if (!key) throw new Error('no descriptor key');
    await verifyDocument(descriptor, { typ: 'watershed/descriptor', purpose: 'descriptor', key });
    expect(descriptor).toMatchObject({
      clusterId: stand.clusterId,
      name: 'Lyon',
      bridgeUrls: ['https://lyon.example'],
    });

    await get('descriptor').set('if-none-match', `"x", W/${answer.headers.etag}`).expect(304, '');
    await get('descriptor').set('if-none-match', '"x"').expect(200);
  });

  it('answers what it does not have with a problem', async () => {
    const bridge = request(running[0]?.url ?? '');
    const answer = await bridge.get('/.well-known/watershed/nothing.json').expect(404);
    expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8');
    expect(answer.body).toMatchObject({ code: 'not_found', status: 404 });
    await bridge.get('/').expect('content-type', /^application\/problem\+json/);
  });

  it('answers its gateway over the bus', async () => {
    const gateway = await stand.join(['gateway']);
    await eventually(() => gateway.directory.find('bridge').length > 0);
    const { descriptor } = await gateway.bus.call(bridgeIdentity, {});
    expect(descriptor).toEqual(await descriptorOf(running[0] as RunningApp));
  });

  it('keeps its number over a restart, and raises it when it says something else', async () => {
    const before = await descriptorOf(running[0] as RunningApp);
    await running[0]?.close();
    const same = await start({ BRIDGE_PUBLIC_URLS: 'https://lyon.example' });
    expect(await descriptorOf(same)).toEqual(before);
    await same.close();
    const other = await start({ BRIDGE_PUBLIC_URLS: 'https://lyon.example', WATERSHED_CLUSTER_NAME: 'Lyon 2' });
    expect(await descriptorOf(other)).toMatchObject({ name: 'Lyon 2', sequence: before.sequence + 1 });
    await other.close();
  });

  it('never gives one number to two contents, with eight instances starting at once', async () => {
    const apps = await Promise.all(
      Array.from({ length: 8 }, (_, n) =>
        start({ WATERSHED_NODE_NAME: `bridge-${n}`, WATERSHED_CLUSTER_NAME: `name ${n}` }),
      ),
    );
    const seen = new Map<number, string>();
    for (const app of apps) {
      const { sequence, name } = await descriptorOf(app);
      expect(seen.get(sequence) ?? name).toBe(name);
      seen.set(sequence, name);
    }
    for (const app of apps) await app.close();
  }, 60_000);

  it('has a database that refuses a number that falls or repeats, whoever writes', async () => {
    const { pool, close } = await openDatabase({ url: stand.database.urlFor('bridge'), applicationName: 'test' });
    try {
      const set = (sql: string) =>
        pool.query(`UPDATE bridge.descriptor SET ${sql}`).then(
          () => 'taken',
          (error: Error) => error.message,
        );
      expect(await set(`content_digest = 'x'`)).toContain('only rises');
      expect(
        await set(`sequence = sequence - 1, document = jsonb_set(document, '{sequence}', to_jsonb(sequence - 1))`),
      ).toContain('only rises');
      expect(await set('sequence = sequence + 1')).toContain('descriptor_document_check');
      expect(
        await pool.query('DELETE FROM bridge.descriptor').then(
          () => 'taken',
          (error: Error) => error.message,
        ),
      ).toContain('only rises');
    } finally {
      await close();
    }
  });

  it('does not start as a cluster that it cannot prove to be', async () => {
    await expect(start({ WATERSHED_CLUSTER_ID: 'x'.repeat(43) })).rejects.toMatchObject({ code: 'key_file_mismatch' });
    const empty = await mkdtemp(join(tmpdir(), 'bridge-empty-'));
    await expect(start({ WATERSHED_DATA_DIR: empty })).rejects.toMatchObject({ code: 'key_file_missing' });
    await rm(empty, { recursive: true });
  });
});

describe('a bridge in a container', () => {
  it('names its cluster an address that is reached without TLS only where nobody else can listen', async () => {
    const container = { BRIDGE_HOST: '0.0.0.0', BRIDGE_PUBLIC_URL: 'http://bridge:4106' };
    const inside = await start({ ...container, WATERSHED_INTERNAL_NETWORK: 'bridge' });
    expect(inside.url).toBe('http://bridge:4106');
    for (const elsewhere of [container, { BRIDGE_HOST: '0.0.0.0' }])
      await expect(start(elsewhere)).rejects.toMatchObject({ code: 'manifest_invalid' });
  });
});
