import { createHash, randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { uuidv7 } from 'uuidv7';
import { podCreate, podDelete, podGet, podList, podReserve, refusal, resourcePathHeader } from '#contracts';
import { eventually, RacePoints } from '#testing';
import { atHome, PodHostStand } from '../pod-host.fixture.js';

let stand: PodHostStand;
let ann: string;
let bob: string;

beforeAll(async () => {
  stand = await PodHostStand.open({
    POD_HOST_MAX_RESOURCE_BYTES: '100000',
    POD_HOST_MAX_POD_BYTES: '250000',
    POD_HOST_MAX_PODS_PER_PERSON: '3',
  });
}, 60_000);
beforeEach(async () => {
  [ann, bob] = [uuidv7(), uuidv7()];
  await stand.start();
});
afterEach(() => stand.stop());
afterAll(() => stand.close());

const bus = () => stand.gateway.bus;
const sha256 = (bytes: string | Uint8Array) => createHash('sha256').update(bytes).digest('hex');

describe('pods', () => {
  test('are made once, listed in pages, and seen by their owner alone', async () => {
    const podId = await stand.newPod(ann);
    const grant = await stand.grant(ann, 'store');
    const again = await bus().call(podCreate, { grant, podId, policy: atHome });
    expect(again).toMatchObject({
      podId,
      ownerId: ann,
      region: 'EU/FR',
      policy: atHome,
      sizeBytes: 0,
      resourceCount: 0,
    });
    const others = { ...atHome, crossBorderAllowed: true };
    await expect(bus().call(podCreate, { grant, podId, policy: others })).rejects.toMatchObject({ code: 'conflict' });

    const second = await stand.newPod(ann);
    const read = await stand.grant(ann, 'read');
    const page = await bus().call(podList, { grant: read, limit: 1 });
    expect(page.items.map((pod) => pod.podId)).toEqual([podId]);
    const rest = await bus().call(podList, { grant: read, limit: 1, cursor: page.nextCursor });
    expect(rest.items.map((pod) => pod.podId)).toEqual([second]);
    expect(rest.nextCursor).toBeUndefined();
    await expect(bus().call(podList, { grant: read, cursor: 'nonsense' })).rejects.toMatchObject({
      code: 'cursor_invalid',
    });

    const bobs = await stand.grant(bob, 'read');
    expect((await bus().call(podList, { grant: bobs })).items).toEqual([]);
    await expect(bus().call(podGet, { grant: bobs, podId })).rejects.toMatchObject({ code: 'not_found' });
    await expect(bus().call(podDelete, { grant: await stand.grant(bob, 'store'), podId })).rejects.toMatchObject({
      code: 'not_found',
    });
    for (const action of ['put', 'get', 'delete', 'list'] as const)
      await expect(stand.ticket(bob, action, podId)).rejects.toMatchObject({ code: 'not_found' });
  });

  test('a grant for something else, or of someone else, opens nothing', async () => {
    const podId = await stand.newPod(ann);
    const read = await stand.grant(ann, 'read');
    await expect(bus().call(podCreate, { grant: read, podId: uuidv7(), policy: atHome })).rejects.toMatchObject({
      code: 'grant_invalid',
    });
    await expect(bus().call(podGet, { grant: `${read}x`, podId })).rejects.toMatchObject({ code: 'grant_invalid' });
  });

  test.each([
    ['another region', { ...atHome, allowedRegions: ['EU/DE'] }, 'policy_forbids'],
    ['another resting place', { ...atHome, allowedRegions: ['EU'], requiredRegion: 'EU/DE' }, 'policy_forbids'],
    ['a region that nobody knows', { ...atHome, allowedRegions: ['EU/FR', 'XX/YY'] }, 'region_unknown'],
  ])('a policy that asks for %s is refused', async (_, policy, code) => {
    const grant = await stand.grant(ann, 'store', { ...atHome, allowedRegions: ['EU', 'XX/YY'] });
    const made = bus().call(podCreate, { grant, podId: uuidv7(), policy });
    await expect(made).rejects.toMatchObject({ code });
    await expect(bus().call(podList, { grant: await stand.grant(ann, 'read') })).resolves.toMatchObject({ items: [] });
  });

  test("a person's own narrower policy closes put and get of a pod that was open", async () => {
    const podId = await stand.newPod(ann, { ...atHome, allowedRegions: ['EU'] });
    await stand.put(ann, podId, 'a', 'text');
    const elsewhere = { ...atHome, allowedRegions: ['EU/DE'] };
    for (const direction of ['put', 'get'] as const) {
      await expect(stand.ticket(ann, direction, podId, { policy: elsewhere })).rejects.toMatchObject({
        code: 'policy_forbids',
        details: { region: 'EU/FR' },
      });
    }
  });

  test('no more than the agreed number a person, also when asked for at once', async () => {
    const made = await Promise.allSettled(Array.from({ length: 6 }, () => stand.newPod(ann)));
    expect(made.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
    for (const one of made) {
      if (one.status === 'rejected')
        expect(one.reason).toMatchObject({ code: 'storage_full', details: { maxPods: 3 } });
    }
  });

  test('deleting takes the bytes too; again it changes nothing; the id is used up', async () => {
    const podId = await stand.newPod(ann);
    await stand.put(ann, podId, 'a/b', 'text');
    expect(await stand.filesOf(podId)).toHaveLength(1);
    const late = await stand.ticket(ann, 'put', podId);
    const grant = await stand.grant(ann, 'store');
    await bus().call(podDelete, { grant, podId });
    await bus().call(podDelete, { grant, podId });
    expect(await stand.filesOf(podId)).toEqual([]);
    await expect(stand.ticket(ann, 'get', podId)).rejects.toMatchObject({ code: 'not_found' });
    await expect(bus().call(podCreate, { grant, podId, policy: atHome })).rejects.toMatchObject({ code: 'conflict' });
    expect((await stand.send(late, 'PUT', { path: 'late', body: 'late' })).status).toBe(404);
    expect(await stand.filesOf(podId)).toEqual([]);
  });
});

describe('resources', () => {
  test('come back as they were sent, and are listed by prefix', async () => {
    const podId = await stand.newPod(ann);
    const body = randomBytes(90_000);
    const first = await stand.put(ann, podId, 'notes/a.bin', body, { 'content-type': 'image/png' });
    expect(first).toMatchObject({
      status: 201,
      resource: { path: 'notes/a.bin', contentType: 'image/png', sizeBytes: 90_000, sha256: sha256(body) },
    });
    await stand.put(ann, podId, 'notes/b%_.txt', 'b');
    await stand.put(ann, podId, 'other', '');
    const answer = await stand.send(await stand.ticket(ann, 'get', podId), 'GET', { path: 'notes/a.bin' });
    const chunks: Buffer[] = [];
    for await (const chunk of answer.body) chunks.push(chunk as Buffer);
    expect(Buffer.concat(chunks).equals(body)).toBe(true);
    expect(answer.headers).toMatchObject({
      'content-type': 'image/png',
      'content-length': '90000',
      etag: first.resource.etag,
    });
    expect((await stand.get(ann, podId, 'other')).body).toBe('');

    const grant = await stand.grant(ann, 'read');
    const listed = (more: { prefix?: string; cursor?: string; limit?: number }) => stand.list(ann, podId, more);
    expect((await listed({ prefix: 'notes/' })).items.map((item) => item.path)).toEqual([
      'notes/a.bin',
      'notes/b%_.txt',
    ]);
    expect((await listed({ prefix: 'notes/b%' })).items).toHaveLength(1);
    expect((await listed({ prefix: 'notes/b_' })).items).toHaveLength(0);
    const page = await listed({ limit: 2 });
    expect((await listed({ limit: 2, cursor: page.nextCursor })).items.map((item) => item.path)).toEqual(['other']);
    await expect(bus().call(podGet, { grant, podId })).resolves.toMatchObject({ sizeBytes: 90_001, resourceCount: 3 });
  });

  test('change only under the conditions that were asked for', async () => {
    const podId = await stand.newPod(ann);
    const { resource } = await stand.put(ann, podId, 'a', 'one', { 'if-none-match': '*' });
    await expect(stand.put(ann, podId, 'a', 'two', { 'if-none-match': '*' })).rejects.toThrow('conflict');
    await expect(stand.put(ann, podId, 'a', 'two', { 'if-match': '"other"' })).rejects.toThrow('conflict');
    await expect(stand.put(ann, podId, 'new', 'two', { 'if-match': '*' })).rejects.toThrow('conflict');
    const second = await stand.put(ann, podId, 'a', 'two', { 'if-match': `"other", ${resource.etag}` });
    expect(second.status).toBe(200);
    expect(second.resource.etag).not.toBe(resource.etag);
    expect(await stand.get(ann, podId, 'a', { 'if-none-match': second.resource.etag })).toMatchObject({
      status: 304,
      body: '',
    });
    expect(await stand.get(ann, podId, 'a', { 'if-none-match': resource.etag })).toMatchObject({
      status: 200,
      body: 'two',
    });
    const removing = (ifMatch: string) => stand.remove(ann, podId, 'a', { 'if-match': ifMatch });
    await expect(removing(resource.etag)).rejects.toThrow('conflict');
    await removing(second.resource.etag);
    expect((await stand.get(ann, podId, 'a')).status).toBe(404);
    await expect(removing(second.resource.etag)).rejects.toThrow('not_found');
  });

  test('of two writers with the same condition one wins', async () => {
    const podId = await stand.newPod(ann);
    const { resource } = await stand.put(ann, podId, 'a', 'zero');
    const writers = await Promise.allSettled(
      ['one', 'two', 'three', 'four'].map((body) => stand.put(ann, podId, 'a', body, { 'if-match': resource.etag })),
    );
    expect(writers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await stand.filesOf(podId)).toHaveLength(1);
  });

  test('ranges', async () => {
    const podId = await stand.newPod(ann);
    await stand.put(ann, podId, 'a', '0123456789');
    const part = await stand.get(ann, podId, 'a', { range: 'bytes=2-4' });
    expect(part).toMatchObject({ status: 206, body: '234', headers: { 'content-range': 'bytes 2-4/10' } });
    expect(await stand.get(ann, podId, 'a', { range: 'bytes=-3' })).toMatchObject({ status: 206, body: '789' });
    expect((await stand.get(ann, podId, 'a', { range: 'bytes=10-' })).status).toBe(400);
  });

  test('a ticket works once, in its direction, up to its size', async () => {
    const podId = await stand.newPod(ann);
    const ticket = await stand.ticket(ann, 'put', podId, { sizeBytes: 3 });
    expect((await stand.send(ticket, 'PUT', { path: 'a', body: 'abc' })).status).toBe(201);
    expect((await stand.send(ticket, 'PUT', { path: 'a', body: 'abc' })).status).toBe(401);
    const wrong = await stand.ticket(ann, 'put', podId, { sizeBytes: 3 });
    expect((await stand.send(wrong, 'DELETE', { path: 'a' })).status).toBe(401);
    expect((await stand.send(wrong, 'PUT', { path: 'a', body: 'abc' })).status).toBe(401);
    const small = await stand.ticket(ann, 'put', podId, { sizeBytes: 3 });
    const answer = await stand.send({ ...small, maxBytes: 100 }, 'PUT', { path: 'c', body: 'abcd' });
    expect(refusal.parse(JSON.parse(await text(answer.body)))).toMatchObject({ code: 'body_too_large' });
    await expect(stand.ticket(ann, 'put', podId, { sizeBytes: 100_001 })).rejects.toMatchObject({
      code: 'body_too_large',
    });
    expect(await stand.filesOf(podId)).toHaveLength(1);
  });

  test('a path that is none, or is missing, is refused, and the bus takes no path at all', async () => {
    const podId = await stand.newPod(ann);
    for (const path of ['a//b', '../a', '', 'x'.repeat(513)])
      await expect(stand.put(ann, podId, path, 'abc')).rejects.toThrow('invalid_request');
    const broken = await stand.send(await stand.ticket(ann, 'get', podId), 'GET', {
      headers: { [resourcePathHeader]: '%E0%A4%A' },
    });
    expect(broken.status).toBe(400);
    expect((await stand.send(await stand.ticket(ann, 'delete', podId), 'DELETE')).status).toBe(400);
    await expect(stand.list(ann, podId, { limit: 201 })).rejects.toThrow('invalid_request');
    await expect(stand.list(ann, podId, { cursor: 'nonsense' })).rejects.toThrow('cursor_invalid');
    const asked = { grant: 'g', podId, action: 'put', path: 'secret/name.txt' };
    expect(podReserve.request.parse(asked)).toEqual({ grant: 'g', podId, action: 'put' });
  });

  test('paths of every script and the longest there are come back, page by page', async () => {
    const podId = await stand.newPod(ann);
    const paths = ['ä/ö ü.txt', '水/川', `${'川'.repeat(511)}x`, `${'川'.repeat(511)}y`];
    for (const path of paths) await stand.put(ann, podId, path, path);
    const seen: string[] = [];
    for (let cursor: string | undefined, more = true; more; more = cursor !== undefined) {
      const page = await stand.list(ann, podId, { limit: 1, ...(cursor ? { cursor } : {}) });
      seen.push(...page.items.map(({ path }) => path));
      cursor = page.nextCursor;
    }
    expect(seen).toEqual(paths.sort());
    expect((await stand.get(ann, podId, `${'川'.repeat(511)}x`)).status).toBe(200);
  });

  test('the quota of a pod holds however many write at once, and replacing frees', async () => {
    const podId = await stand.newPod(ann);
    const body = () => randomBytes(60_000);
    const puts = await Promise.allSettled(Array.from({ length: 8 }, (_, n) => stand.put(ann, podId, `r${n}`, body())));
    expect(puts.filter(({ status }) => status === 'fulfilled')).toHaveLength(4);
    for (const put of puts)
      if (put.status === 'rejected') expect(put.reason).toMatchObject({ message: 'storage_full' });
    const kept = puts.findIndex(({ status }) => status === 'fulfilled');
    await stand.put(ann, podId, `r${kept}`, body());
    expect(await stand.filesOf(podId)).toHaveLength(4);
    const grant = await stand.grant(ann, 'read');
    await expect(bus().call(podGet, { grant, podId })).resolves.toMatchObject({ sizeBytes: 240_000, resourceCount: 4 });
  });

  test('the same bytes under two paths are kept until the last path is gone', async () => {
    const podId = await stand.newPod(ann);
    await stand.put(ann, podId, 'a', 'same');
    await stand.put(ann, podId, 'b', 'same');
    expect(await stand.filesOf(podId)).toHaveLength(1);
    await stand.remove(ann, podId, 'a');
    expect((await stand.get(ann, podId, 'b')).body).toBe('same');
    await stand.remove(ann, podId, 'b');
    expect(await stand.filesOf(podId)).toEqual([]);
  });

  test('writers and deleters of the same bytes leave neither a resource without bytes nor bytes without a resource', async () => {
    const podId = await stand.newPod(ann);
    const step = async (n: number) => {
      if (n % 3 === 0) await stand.remove(ann, podId, `p${n % 4}`).catch(() => undefined);
      else await stand.put(ann, podId, `p${n % 4}`, `body ${n % 2}`);
    };
    await Promise.all(
      Array.from({ length: 4 }, async (_, lane) => {
        for (let n = 0; n < 12; n += 1) await step(n + lane);
      }),
    );
    const rows = await stand.inDatabase<{ tag: string }>(
      "SELECT DISTINCT encode(content_tag, 'hex') AS tag FROM pod_host.resource WHERE pod_id = $1",
      [podId],
    );
    const names = (await stand.filesOf(podId)).map((file) => file.slice(-64)).sort();
    expect(names).toEqual(rows.map((row) => row.tag).sort());
  });

  test('a body that breaks off leaves nothing', async () => {
    const podId = await stand.newPod(ann);
    const { url, token } = await stand.ticket(ann, 'put', podId, { sizeBytes: 50_000 });
    const sending = request(url, {
      method: 'PUT',
      headers: { authorization: `Bearer ${token}`, 'content-length': 50_000, [resourcePathHeader]: 'a' },
    });
    sending.on('error', () => undefined);
    sending.write(randomBytes(20_000));
    await eventually(async () => (await stand.files()).some((file) => file.includes('.incoming')));
    sending.destroy();
    await eventually(async () => !(await stand.files()).some((file) => file.includes('.incoming')));
    expect((await stand.get(ann, podId, 'a')).status).toBe(404);
  });

  test('bytes that changed on the disk are never given as whole', async () => {
    const podId = await stand.newPod(ann);
    await stand.put(ann, podId, 'a', randomBytes(90_000));
    const [file = ''] = await stand.filesOf(podId);
    const bytes = await readFile(file);
    bytes.writeUInt8(bytes.readUInt8(1_000) ^ 1, 1_000);
    await writeFile(file, bytes);
    expect(await stand.get(ann, podId, 'a')).toMatchObject({
      status: 500,
      body: expect.stringContaining('"internal"'),
    });
  });
});

describe('a crash', () => {
  test('between the file and the row leaves no resource, and the next start erases the file', async () => {
    await stand.stop();
    const race = new RacePoints();
    await stand.start(race);
    const podId = await stand.newPod(ann);
    await stand.put(ann, podId, 'kept', 'before');
    const known = await stand.filesOf(podId);
    const point = race.hold('kept');
    const put = stand.put(ann, podId, 'lost', 'under way').catch((error: Error) => error);
    await point.arrived();
    expect(await stand.filesOf(podId)).toHaveLength(2);
    // What a kill leaves: the transaction gone with its connection, the file in its place, an arrival half written.
    await stand.inDatabase(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'watershed-pod-host' AND datname = current_database()",
    );
    expect(await stand.inDatabase('SELECT 1 FROM pod_host.resource WHERE pod_id = $1', [podId])).toHaveLength(1);
    const [before] = (await stand.filesOf(podId)).filter((file) => !known.includes(file));
    const bytes = await readFile(before ?? '');
    point.release();
    await expect(put).resolves.toBeInstanceOf(Error);
    await stand.stop();
    await writeFile(before ?? '', bytes);

    await stand.start();
    expect(await stand.filesOf(podId)).toEqual(known);
    expect((await stand.get(ann, podId, 'kept')).body).toBe('before');
    await stand.put(ann, podId, 'lost', 'under way');
    expect((await stand.get(ann, podId, 'lost')).body).toBe('under way');
  });

  test('in the middle of deleting a pod is finished at the next start', async () => {
    const podId = await stand.newPod(ann);
    await stand.put(ann, podId, 'a', 'text');
    await stand.inDatabase('DELETE FROM pod_host.pod WHERE pod_id = $1', [podId]);
    await stand.stop();
    expect(await stand.filesOf(podId)).toHaveLength(1);
    await stand.start();
    expect(await stand.filesOf(podId)).toEqual([]);
  });
});
