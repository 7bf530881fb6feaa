import { createHash, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { eventually } from '#testing';
import { BlobStore } from './blob-store.js';
import { byteRange } from './byte-range.js';

let folder: string;
let store: BlobStore;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'blobs-'));
  store = new BlobStore({ folder, maxBytes: 10_000_000, idleMs: 5_000 });
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const bytes = randomBytes(300_000);
const sha256 = createHash('sha256').update(bytes).digest('hex');
const part = { sha256, sizeBytes: bytes.length, offsetBytes: 0 };
const files = async () =>
  (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((each) => each.isFile())
    .map((each) => each.name);
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    (value) => JSON.stringify(value),
    (error: { code: string }) => error.code,
  );
const pieces = (from: number, to = bytes.length) =>
  Readable.from([bytes.subarray(from, (from + to) >> 1), bytes.subarray((from + to) >> 1, to)]);

describe('a blob', () => {
  it('bears its name only when its bytes are those of its digest', async () => {
    expect(await store.receive(part, pieces(0))).toEqual({ complete: true, offsetBytes: bytes.length });
    expect(await readFile(store.pathOf(sha256))).toEqual(bytes);
    expect(await files()).toEqual([sha256]);
    expect(await store.receive(part, pieces(0))).toMatchObject({ complete: true }); // again is the same
  });

  it('goes on where it stopped, however often, also in another run', async () => {
    expect(await store.receive(part, pieces(0, 1_000))).toEqual({ complete: false, offsetBytes: 1_000 });
    expect(await store.sizeOf(sha256)).toBeUndefined();
    const next = new BlobStore({ folder, maxBytes: 10_000_000, idleMs: 5_000 });
    expect(await next.partSizeOf(sha256)).toBe(1_000);
    expect(await next.receive({ ...part, offsetBytes: 1_000 }, pieces(1_000, 200_000))).toMatchObject({
      complete: false,
    });
    expect(await next.receive({ ...part, offsetBytes: 200_000 }, pieces(200_000))).toMatchObject({ complete: true });
    expect(await files()).toEqual([sha256]);
  });

  it('is finished when only its name was missing', async () => {
    await mkdir(join(folder, 'uploads'), { recursive: true });
    await writeFile(join(folder, 'uploads', `${sha256}.part`), bytes);
    expect(await store.finish(sha256, bytes.length)).toMatchObject({ complete: true });
    await store.remove(sha256);
    await writeFile(join(folder, 'uploads', `${sha256}.part`), Buffer.alloc(bytes.length));
    expect(await store.finish(sha256, bytes.length)).toEqual({ complete: false, offsetBytes: 0 });
    expect(await files()).toEqual([]);
  });

  it('leaves nothing when its bytes are others, or too many', async () => {
    const wrong = Buffer.from(bytes);
    wrong[299_999] = (wrong[299_999] ?? 0) ^ 1;
    expect(await codeOf(store.receive(part, Readable.from([wrong])))).toBe('digest_mismatch');
    expect(await codeOf(store.receive(part, Readable.from([bytes, Buffer.from('x')])))).toBe('body_too_large');
    expect(await codeOf(store.receive({ ...part, sizeBytes: 10_000_001 }, Readable.from([])))).toBe('body_too_large');
    expect(await files()).toEqual([]);
  });

  it('is not gone on with from where it did not stop', async () => {
    await store.receive(part, pieces(0, 1_000));
    expect(await codeOf(store.receive({ ...part, offsetBytes: 900 }, pieces(900)))).toBe('conflict');
    expect(await store.partSizeOf(sha256)).toBe(1_000);
  });

  it('belongs to who asked last: a sender that hangs does not hold it', async () => {
    const hanging = new PassThrough();
    hanging.on('error', () => undefined);
    hanging.write(bytes.subarray(0, 5_000));
    const first = codeOf(store.receive(part, hanging));
    await eventually(async () => (await store.partSizeOf(sha256)) === 5_000);
    const second = store.receive({ ...part, offsetBytes: 5_000 }, pieces(5_000));
    expect(await first).toBe('conflict');
    expect(await second).toMatchObject({ complete: true });
  });

  it('does not wait for ever for a silent sender, and keeps what came', async () => {
    const impatient = new BlobStore({ folder, maxBytes: 10_000_000, idleMs: 50 });
    const silent = new PassThrough();
    silent.write(bytes.subarray(0, 5_000));
    expect(await codeOf(impatient.receive(part, silent))).toBe('deadline_exceeded');
    expect(await impatient.partSizeOf(sha256)).toBe(5_000);
  });

  it('is swept when it is old and nobody wants it', async () => {
    await store.receive(part, pieces(0));
    await writeFile(join(folder, 'uploads', `${'a'.repeat(64)}.part`), 'x');
    const young = join(folder, 'uploads', `${'b'.repeat(64)}.part`);
    await writeFile(young, 'x');
    const wanted = store.pathOf('c'.repeat(64));
    await mkdir(dirname(wanted), { recursive: true });
    await writeFile(wanted, 'x');
    const old = new Date(Date.now() - 100_000);
    for (const path of [store.pathOf(sha256), join(folder, 'uploads', `${'a'.repeat(64)}.part`), wanted])
      await utimes(path, old, old);
    expect(await store.sweep(50_000, async (hash) => hash === 'c'.repeat(64))).toBe(2);
    expect((await files()).sort()).toEqual([`${'b'.repeat(64)}.part`, 'c'.repeat(64)]);
  });
});

describe('a range', () => {
  it.each([
    [undefined, 'whole'],
    ['bytes=0-', { start: 0, end: 99 }],
    ['bytes=10-19', { start: 10, end: 19 }],
    ['bytes=90-200', { start: 90, end: 99 }],
    ['bytes=-5', { start: 95, end: 99 }],
    ['bytes=-500', { start: 0, end: 99 }],
    ['bytes=100-', 'unsatisfiable'],
    ['bytes=-0', 'unsatisfiable'],
    ['bytes=20-10', 'whole'],
    ['bytes=0-1,5-6', 'whole'],
    ['lines=1-2', 'whole'],
    ['bytes=-', 'whole'],
  ])('%s of 100 bytes', (header, expected) => expect(byteRange(header, 100)).toEqual(expected));
});
