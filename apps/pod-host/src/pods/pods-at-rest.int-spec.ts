import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { uuidv7 } from 'uuidv7';
import { podDelete } from '#contracts';
import { beginKekRotation, kekCheckValue } from '#seal';
import { createSecretKey } from '#sigil';
import { eventually } from '#testing';
import { atHome, PodHostStand } from '../pod-host.fixture.js';

let stand: PodHostStand;
let ann: string;

beforeAll(async () => {
  stand = await PodHostStand.open({ POD_HOST_MAX_RESOURCE_BYTES: '100000' });
}, 60_000);
beforeEach(async () => {
  ann = uuidv7();
  await stand.start();
});
afterEach(() => stand.stop());
afterAll(() => stand.close());

const sha256 = (bytes: string | Uint8Array) => createHash('sha256').update(bytes).digest('hex');

describe('at rest', () => {
  const secret = 'the ford below the third willow';
  const everything = async () =>
    JSON.stringify(
      await stand.inDatabase("SELECT query_to_xml('SELECT * FROM pod_host.resource', true, true, '') AS x"),
    );

  test('neither bytes nor paths, media types or hashes can be read from disk or database', async () => {
    const podId = await stand.newPod(ann, { ...atHome, encryptionRequired: true });
    await stand.put(ann, podId, `notes/${secret}.txt`, secret.repeat(5_000).slice(0, 99_000), {
      'content-type': 'text/plain; charset="willow"',
    });
    const [file = ''] = await stand.filesOf(podId);
    const bytes = await readFile(file);
    expect(bytes.includes(secret)).toBe(false);
    const hash = sha256(secret.repeat(5_000).slice(0, 99_000));
    expect(file).not.toContain(hash);
    const rows = await everything();
    for (const told of [secret, 'willow', hash, Buffer.from(hash, 'hex').toString('base64')]) {
      expect(rows).not.toContain(told);
      expect(rows).not.toContain(Buffer.from(told).toString('base64'));
      expect(rows).not.toContain(Buffer.from(told).toString('hex'));
    }
    const part = await stand.get(ann, podId, `notes/${secret}.txt`, { range: 'bytes=65530-65545' });
    expect([part.status, part.body]).toEqual([206, secret.repeat(5_000).slice(65_530, 65_546)]);
    expect(part.headers).toMatchObject({ 'content-range': 'bytes 65530-65545/99000' });
  });

  test('the same bytes in two pods lie under two names, and the file of one is not taken for that of another', async () => {
    const [one, two] = [await stand.newPod(ann), await stand.newPod(ann)];
    await stand.put(ann, one, 'a', 'same');
    await stand.put(ann, two, 'a', 'same');
    const [[first = ''], [second = '']] = [await stand.filesOf(one), await stand.filesOf(two)];
    expect(first.slice(-64)).not.toBe(second.slice(-64));
    await writeFile(first, await readFile(second));
    expect((await stand.get(ann, one, 'a')).status).toBe(500);
    expect((await stand.get(ann, two, 'a')).body).toBe('same');
  });

  test('a chunk that is damaged is an error of the host, and the others are read as before', async () => {
    const podId = await stand.newPod(ann);
    const text = 'x'.repeat(65_536) + 'y'.repeat(30_000);
    await stand.put(ann, podId, 'a', text);
    await stand.put(ann, podId, 'empty', '');
    const files = await Promise.all(
      (await stand.filesOf(podId)).map(async (file) => ({ file, bytes: await readFile(file) })),
    );
    const { file, bytes } = files.find(({ bytes }) => bytes.byteLength > 90_000) ?? {
      file: '',
      bytes: Buffer.alloc(0),
    };
    bytes[72 + 65_552 + 100] = (bytes[72 + 65_552 + 100] ?? 0) ^ 1;
    await writeFile(file, bytes);
    const range = (asked: string) => stand.get(ann, podId, 'a', { range: asked });
    expect(await range('bytes=70000-70010')).toMatchObject({
      status: 500,
      body: expect.stringContaining('"internal"'),
    });
    expect(await range('bytes=-10')).toMatchObject({ status: 500 });
    expect(await range('bytes=0-9')).toMatchObject({ status: 206, body: 'x'.repeat(10) });
    // Begun with what is whole, it can only break off.
    await expect(stand.get(ann, podId, 'a')).rejects.toThrow();
    expect(await stand.get(ann, podId, 'empty')).toMatchObject({ status: 200, body: '' });
  });

  test('a listing that is remembered follows what another instance changes', async () => {
    const podId = await stand.newPod(ann);
    await stand.put(ann, podId, 'a', '1');
    expect((await stand.list(ann, podId)).items.map(({ path }) => path)).toEqual(['a']);
    await stand.put(ann, podId, 'b', '2');
    expect((await stand.list(ann, podId)).items.map(({ path }) => path)).toEqual(['a', 'b']);
    await stand.inDatabase('DELETE FROM pod_host.resource WHERE pod_id = $1', [podId]);
    await stand.inDatabase('UPDATE pod_host.pod SET revision = revision + 1 WHERE pod_id = $1', [podId]);
    expect((await stand.list(ann, podId)).items).toEqual([]);
  });

  test('what lay plain is sealed at the next start, also when its bytes were lost, and no plain bytes stay', async () => {
    const podId = await stand.newPod(ann);
    const empty = await stand.newPod(ann);
    await stand.stop();
    await stand.inDatabase(
      'UPDATE pod_host.pod SET wrapped_key = NULL, size_bytes = 9, resource_count = 2 WHERE pod_id = $1',
      [podId],
    );
    await stand.inDatabase('UPDATE pod_host.pod SET wrapped_key = NULL WHERE pod_id = $1', [empty]);
    const plain = join(stand.dataDir, 'pods', podId, sha256('old bytes'));
    await mkdir(join(stand.dataDir, 'pods', podId), { recursive: true });
    await writeFile(plain, 'old bytes');
    for (const [path, hash] of [
      ['old/name.txt', sha256('old bytes')],
      ['lost', sha256('lost')],
    ])
      await stand.inDatabase(
        "INSERT INTO pod_host.plain_resource (pod_id, path, content_type, size_bytes, sha256) VALUES ($1, $2, 'text/x', 9, $3)",
        [podId, path, hash],
      );
    await stand.start();
    expect(await stand.get(ann, podId, 'old/name.txt')).toMatchObject({
      status: 200,
      body: 'old bytes',
      headers: { 'content-type': 'text/x' },
    });
    expect((await stand.get(ann, podId, 'lost')).status).toBe(500);
    expect((await stand.list(ann, podId)).items.map(({ path }) => path)).toEqual(['lost', 'old/name.txt']);
    const files = await stand.filesOf(podId);
    expect([files.length, files.includes(plain)]).toEqual([1, false]);
    expect(await stand.inDatabase('SELECT 1 FROM pod_host.plain_resource')).toEqual([]);
    await stand.put(ann, empty, 'a', 'new');
    expect((await stand.get(ann, empty, 'a')).body).toBe('new');
  });

  test('a pod takes its key with it', async () => {
    const podId = await stand.newPod(ann);
    await stand.put(ann, podId, 'a', 'text');
    const [{ wrapped_key: key } = { wrapped_key: Buffer.alloc(0) }] = await stand.inDatabase<{ wrapped_key: Buffer }>(
      'SELECT wrapped_key FROM pod_host.pod WHERE pod_id = $1',
      [podId],
    );
    expect(key).toHaveLength(60);
    await stand.gateway.bus.call(podDelete, { grant: await stand.grant(ann, 'store'), podId });
    expect(await stand.inDatabase('SELECT 1 FROM pod_host.pod WHERE wrapped_key = $1', [key])).toEqual([]);
  });

  test('a KEK that is missing or another is one clear error, and nothing is made or changed', async () => {
    const podId = await stand.newPod(ann);
    await stand.put(ann, podId, 'a', 'text');
    await stand.stop();
    const kek = join(stand.dataDir, 'keys', 'pod-kek.json');
    const kept = await readFile(kek);
    await rm(kek);
    await expect(stand.start()).rejects.toMatchObject({ code: 'key_file_missing' });
    await expect(readFile(kek)).rejects.toMatchObject({ code: 'ENOENT' });
    await createSecretKey(kek, 'pod-kek');
    await expect(stand.start()).rejects.toMatchObject({ code: 'key_file_mismatch' });
    await writeFile(kek, kept);
    await stand.start();
    expect((await stand.get(ann, podId, 'a')).body).toBe('text');
  });

  test('a KEK is rotated at the next start: pods are read as before, and the old one is refused', async () => {
    const pods = [await stand.newPod(ann), await stand.newPod(ann)];
    for (const podId of pods) await stand.put(ann, podId, 'a', `text of ${podId}`);
    await stand.stop();
    const kek = join(stand.dataDir, 'keys', 'pod-kek.json');
    const old = await readFile(kek);
    await beginKekRotation(kek, 'pod-kek');
    await stand.start();
    for (const podId of pods) expect((await stand.get(ann, podId, 'a')).body).toBe(`text of ${podId}`);
    await stand.stop();
    const fresh = await readFile(kek);
    expect(fresh.equals(old)).toBe(false);
    // A host that goes on with the old one, as if it had not been stopped: it keeps no pod that nobody could open.
    await stand.start();
    await stand.inDatabase("UPDATE pod_host.kek_check SET check_value = 'another'");
    await expect(stand.newPod(ann)).rejects.toMatchObject({ code: 'internal' });
    await stand.stop();
    await stand.inDatabase('UPDATE pod_host.kek_check SET check_value = $1', [
      kekCheckValue(Buffer.from((JSON.parse(fresh.toString()) as { secret: string }).secret, 'base64url'), 'pod-kek'),
    ]);
    await writeFile(kek, old);
    await expect(stand.start()).rejects.toMatchObject({ code: 'key_file_mismatch' });
    await writeFile(kek, fresh);
    await stand.start();
    await stand.put(ann, pods[0] ?? '', 'b', 'after');
    expect((await stand.get(ann, pods[0] ?? '', 'b')).body).toBe('after');
  });

  test('what was left behind is erased while the host runs, too', async () => {
    const podId = await stand.newPod(ann);
    await stand.put(ann, podId, 'a', 'text');
    await stand.stop();
    await stand.start(undefined, { POD_HOST_SWEEP_EVERY_MS: '100' });
    const orphan = join(stand.dataDir, 'pods', podId, 'f'.repeat(64));
    const arrival = join(stand.dataDir, 'pods', '.incoming', 'another', 'abandoned');
    await mkdir(join(arrival, '..'), { recursive: true });
    for (const file of [orphan, arrival]) await writeFile(file, 'left');
    await utimes(arrival, 0, 0);
    await eventually(async () => {
      const files = await stand.files();
      expect(files.filter((file) => file === orphan || file === arrival)).toEqual([]);
    });
    expect((await stand.get(ann, podId, 'a')).body).toBe('text');
  });
});
