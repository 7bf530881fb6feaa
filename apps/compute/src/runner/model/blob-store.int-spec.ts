import { createHash, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { WatershedError } from '#errors';
import { type BlobSource, BlobStore } from './blob-store.js';

const bytes = randomBytes(300_000);
const blobOf = (content: Buffer) => ({
  sha256: createHash('sha256').update(content).digest('hex'),
  sizeBytes: content.byteLength,
});
const blob = blobOf(bytes);

/** Gives `content` in pieces, breaking off as told. */
class Source implements BlobSource {
  readonly offsets: number[] = [];
  /** After how many bytes each opening breaks off. */
  breaks: number[] = [];
  constructor(private readonly content = bytes) {}

  async open(_: unknown, offsetBytes: number): Promise<Readable> {
    this.offsets.push(offsetBytes);
    const length = this.breaks.shift() ?? Number.POSITIVE_INFINITY;
    const content = this.content.subarray(offsetBytes, offsetBytes + length);
    return Readable.from(
      (async function* () {
        for (let at = 0; at < content.byteLength; at += 65_536) yield content.subarray(at, at + 65_536);
        if (Number.isFinite(length)) throw new WatershedError('node_unreachable', 'broke off');
      })(),
    );
  }
}

describe('BlobStore', () => {
  let folder: string;
  const store = (source: BlobSource, change: { capacityBytes?: number } = {}) =>
    new BlobStore({ folder, capacityBytes: 10_000_000, attempts: 2, source, ...change });

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'watershed-blobs-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('fetches once, for all who ask at once and for who asks later', async () => {
    const source = new Source();
    const blobs = store(source);
    const paths = await Promise.all([blobs.obtain(blob), blobs.obtain(blob), blobs.obtain(blob)]);
    expect(new Set(paths).size).toBe(1);
    expect((await readFile(paths[0] ?? '')).equals(bytes)).toBe(true);
    // Another run of the same runner finds it on the disk.
    await store(source).obtain(blob);
    expect(source.offsets).toEqual([0]);
    expect(await readdir(folder)).toEqual([blob.sha256]);
  });

  it('goes on where a transfer broke off', async () => {
    const source = new Source();
    source.breaks = [100_000, 50_000];
    await store(source).obtain(blob);
    expect(source.offsets).toEqual([0, 100_000, 150_000]);
  });

  it('goes on where an earlier run was killed', async () => {
    await writeFile(join(folder, `${blob.sha256}.part`), bytes.subarray(0, 200_000));
    const source = new Source();
    await store(source).obtain(blob);
    expect(source.offsets).toEqual([200_000]);
  });

  it('begins anew when what an earlier run left is not what it should be', async () => {
    await writeFile(join(folder, `${blob.sha256}.part`), randomBytes(200_000));
    const source = new Source();
    const path = await store(source).obtain(blob);
    expect(source.offsets).toEqual([200_000, 0]);
    expect((await readFile(path)).equals(bytes)).toBe(true);
  });

  it('fetches again what has rotted on the disk', async () => {
    const source = new Source();
    const path = await store(source).obtain(blob);
    await writeFile(path, randomBytes(blob.sizeBytes));
    await store(source).obtain(blob);
    expect((await readFile(path)).equals(bytes)).toBe(true);
  });

  it('keeps nothing of bytes that are not those of the digest', async () => {
    const forged = new Source(randomBytes(blob.sizeBytes));
    await expect(store(forged).obtain(blob)).rejects.toMatchObject({ code: 'digest_mismatch' });
    const longer = new Source(Buffer.concat([bytes, Buffer.alloc(1)]));
    await expect(store(longer).obtain(blob)).rejects.toMatchObject({ code: 'digest_mismatch' });
    expect(await readdir(folder)).toEqual([]);
  });

  it('gives up when nothing comes any more, and keeps the part for later', async () => {
    const source = new Source();
    source.breaks = [100_000, 0, 0];
    await expect(store(source).obtain(blob)).rejects.toMatchObject({ code: 'node_unreachable' });
    expect(source.offsets).toEqual([0, 100_000, 100_000]);
    await store(source).obtain(blob);
  });

  it('does not ask again for what the registry refuses', async () => {
    let asked = 0;
    const refusing: BlobSource = {
      open: async () => {
        asked += 1;
        throw new WatershedError('blob_unknown', 'no such blob');
      },
    };
    await expect(store(refusing).obtain(blob)).rejects.toMatchObject({ code: 'blob_unknown' });
    expect(asked).toBe(1);
  });

  it('evicts what was used longest ago, never what is in use', async () => {
    await mkdir(folder, { recursive: true });
    const others = ['a', 'b', 'c'].map((text) => Buffer.from(text.repeat(100_000)));
    for (const [i, content] of others.entries()) {
      const path = join(folder, blobOf(content).sha256);
      await writeFile(path, content);
      await utimes(path, 1_000 + i, 1_000 + i);
    }
    const [used, oldest] = others;
    if (!used || !oldest) throw new Error('no blobs');
    const source = new Source();
    const blobs = store(source, { capacityBytes: 500_000 });
    await blobs.obtain(blobOf(used));
    await blobs.obtain(blob);
    const left = await readdir(folder);
    expect(left).toContain(blobOf(used).sha256);
    expect(left).not.toContain(blobOf(oldest).sha256);
    expect(left).toContain(blob.sha256);
    expect(left).toHaveLength(3);
  });
});
