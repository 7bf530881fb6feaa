import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { jest } from '@jest/globals';
import { eventually } from '#testing';

const podId = '01926f0e-0000-7000-8000-000000000000';
let folder: string;
let full = false;
let closed = 0;

// A disk that is full after the first write, as a real one answers.
const files = { ...(await import('node:fs/promises')) };
jest.unstable_mockModule('node:fs/promises', () => ({
  ...files,
  open: async (...parameters: Parameters<typeof files.open>) => {
    const handle = await files.open(...parameters);
    const close = handle.close.bind(handle);
    jest.spyOn(handle, 'close').mockImplementation(async () => {
      await close();
      closed += 1;
    });
    if (full) {
      jest
        .spyOn(handle, 'sync')
        .mockRejectedValue(Object.assign(new Error('no space left on device'), { code: 'ENOSPC' }));
    }
    return handle;
  },
}));
const { FileResourceStore } = await import('./file-resource-store.adapter.js');
const { PodKey } = await import('./engine/pod-key.js');
const key = new PodKey(Buffer.alloc(32, 1));

beforeEach(async () => {
  full = false;
  folder = await mkdtemp(join(tmpdir(), 'watershed-store-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const incoming = () => readdir(join(folder, '.incoming', 'one'));

test('what is kept comes back whole, what is discarded is gone', async () => {
  const store = new FileResourceStore(folder, 'one');
  const kept = await store.stage(key, Readable.from([Buffer.from('ab'), Buffer.from('c')]), 3);
  const tag = key.contentTag(kept.sha256);
  await store.keep(podId, tag, kept);
  await store.discard(kept);
  const dropped = await store.stage(key, Readable.from([Buffer.from('x')]), 3);
  await store.discard(dropped);
  const content = await store.open(podId, key, kept.sha256);
  expect(content && (await buffer(content.read())).toString()).toBe('abc');
  expect(await store.contents(podId)).toEqual([tag]);
  expect(await store.open(podId, new PodKey(Buffer.alloc(32, 2)), kept.sha256)).toBeUndefined();
  await store.erase(podId, tag);
  expect(await store.open(podId, key, kept.sha256)).toBeUndefined();
  expect(await incoming()).toEqual([]);
});

test('a file is closed again however its reading ends, also where it never began', async () => {
  const store = new FileResourceStore(folder, 'one');
  const kept = await store.stage(key, Readable.from([Buffer.alloc(200_000)]), 200_000);
  await store.keep(podId, key.contentTag(kept.sha256), kept);
  closed = 0;
  const bodies = await Promise.all([1, 2, 3].map(() => store.open(podId, key, kept.sha256)));
  const [whole, begun, unread] = bodies.map((content) => content?.read());
  if (!whole || !begun || !unread) throw new Error('what was kept is not there');
  await buffer(whole);
  await once(begun, 'readable');
  begun.destroy();
  unread.destroy();
  await eventually(() => expect(closed).toBe(3));
});

test('a full disk is storage_full, and nothing half written stays', async () => {
  const store = new FileResourceStore(folder, 'one');
  full = true;
  await expect(store.stage(key, Readable.from([Buffer.from('abc')]), 3)).rejects.toMatchObject({
    code: 'storage_full',
  });
  expect(await incoming()).toEqual([]);
});

test('more than was agreed on, or a body that breaks off, leaves nothing', async () => {
  const store = new FileResourceStore(folder, 'one');
  await expect(store.stage(key, Readable.from([Buffer.from('abcd')]), 3)).rejects.toMatchObject({
    code: 'body_too_large',
  });
  const broken = Readable.from(
    (async function* () {
      yield Buffer.from('a');
      throw new Error('aborted');
    })(),
  );
  await expect(store.stage(key, broken, 3)).rejects.toMatchObject({ code: 'malformed_body' });
  expect(await incoming()).toEqual([]);
});

test('clearing the arrivals leaves those of other instances', async () => {
  const [one, two] = [new FileResourceStore(folder, 'one'), new FileResourceStore(folder, 'two')];
  await one.stage(key, Readable.from([Buffer.from('a')]), 3);
  await two.stage(key, Readable.from([Buffer.from('b')]), 3);
  await one.clearStaging();
  expect(await incoming()).toEqual([]);
  expect(await readdir(join(folder, '.incoming', 'two'))).toHaveLength(1);
});

test('arrivals of any instance that nobody writes to any more are cleared, those under way are not', async () => {
  const [one, two] = [new FileResourceStore(folder, 'one'), new FileResourceStore(folder, 'two')];
  expect(await one.clearAbandoned(0)).toBe(0);
  await one.stage(key, Readable.from([Buffer.from('a')]), 3);
  await two.stage(key, Readable.from([Buffer.from('b')]), 3);
  const [name = ''] = await readdir(join(folder, '.incoming', 'two'));
  await files.utimes(join(folder, '.incoming', 'two', name), 0, 0);
  expect(await one.clearAbandoned(60_000)).toBe(1);
  expect(await readdir(join(folder, '.incoming', 'two'))).toEqual([]);
  expect(await incoming()).toHaveLength(1);
});

test('names that are not ids or hashes never become paths', async () => {
  const store = new FileResourceStore(folder, 'one');
  await expect(store.open('../../etc', key, 'a'.repeat(64))).rejects.toThrow('not the id of a pod');
  await expect(store.erase(podId, '../x')).rejects.toThrow('not the name');
});
