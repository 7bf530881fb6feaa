import { randomBytes } from 'node:crypto';
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PodKey } from './engine/pod-key.js';
import { chunkBytes, headBytes, openSealedFile, SealedFileWriter } from './sealed-file.js';

const key = new PodKey(randomBytes(32));
const sealedChunk = chunkBytes + 16;
let folder: string;
let file: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'watershed-sealed-'));
  file = join(folder, 'file');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function seal(plain: Buffer, pieceBytes = 10_000, under = key): Promise<string> {
  const handle = await open(file, 'w');
  const writer = new SealedFileWriter(handle, under);
  for (let at = 0; at < plain.length; at += pieceBytes) await writer.write(plain.subarray(at, at + pieceBytes));
  const { sha256, sizeBytes } = await writer.end();
  await handle.close();
  expect(sizeBytes).toBe(plain.length);
  return sha256;
}

async function read(sha256: string, range?: { first: number; last: number }, under = key): Promise<Buffer> {
  const handle = await open(file, 'r');
  try {
    const chunks: Buffer[] = [];
    for await (const chunk of (await openSealedFile(handle, under, sha256)).read(range)) chunks.push(chunk);
    return Buffer.concat(chunks);
  } finally {
    await handle.close();
  }
}

test.each([0, 1, chunkBytes - 1, chunkBytes, chunkBytes + 1, 3 * chunkBytes, 200_000])(
  '%i bytes come back, whole and in parts, however they came',
  async (size) => {
    const plain = randomBytes(size);
    for (const pieceBytes of [7_919, chunkBytes, size + 1]) {
      const sha256 = await seal(plain, pieceBytes);
      expect((await readFile(file)).byteLength).toBe(headBytes + size + 16 * Math.max(1, Math.ceil(size / chunkBytes)));
      expect((await read(sha256)).equals(plain)).toBe(true);
      for (const [first, last] of [
        [0, 0],
        [size - 1, size - 1],
        [0, size - 1],
        [chunkBytes - 1, chunkBytes],
        [chunkBytes, chunkBytes + 5],
        [size >> 1, size - 1],
      ] as const) {
        if (first < 0 || last >= size || first > last) continue;
        expect((await read(sha256, { first, last })).equals(plain.subarray(first, last + 1))).toBe(true);
      }
    }
  },
);

test('the same bytes are never the same file twice, and nothing of them shows', async () => {
  const plain = Buffer.from('the ford below the third willow'.repeat(100));
  await seal(plain);
  const one = await readFile(file);
  await seal(plain);
  const other = await readFile(file);
  expect(one.includes('willow')).toBe(false);
  expect(one.subarray(headBytes).equals(other.subarray(headBytes))).toBe(false);
});

describe('a file that is not what was written', () => {
  const plain = randomBytes(3 * chunkBytes + 100);
  let sha256: string;
  let whole: Buffer;
  beforeEach(async () => {
    sha256 = await seal(plain);
    whole = await readFile(file);
  });

  const at = (chunk: number): number => headBytes + chunk * sealedChunk;
  const damages: readonly (readonly [string, (bytes: Buffer) => Buffer])[] = [
    ...[0, 5, 8, 39, 40, headBytes - 1, headBytes, at(1) - 1, at(1), at(3) + 3].map(
      (place) =>
        [
          `a bit at ${place}`,
          (bytes: Buffer) => {
            bytes.writeUInt8(bytes.readUInt8(place) ^ 1, place);
            return bytes;
          },
        ] as const,
    ),
    ['cut after a whole chunk', (bytes) => bytes.subarray(0, at(3))],
    ['cut within a chunk', (bytes) => bytes.subarray(0, at(3) + 50)],
    ['cut within the head', (bytes) => bytes.subarray(0, 20)],
    ['nothing but the head', (bytes) => bytes.subarray(0, headBytes)],
    ['grown', (bytes) => Buffer.concat([bytes, Buffer.alloc(40)])],
    [
      'two chunks changed places',
      (bytes) =>
        Buffer.concat([
          bytes.subarray(0, at(0)),
          bytes.subarray(at(1), at(2)),
          bytes.subarray(at(0), at(1)),
          bytes.subarray(at(2)),
        ]),
    ],
    [
      'a chunk doubled in the place of another',
      (bytes) => Buffer.concat([bytes.subarray(0, at(1)), bytes.subarray(at(0), at(1)), bytes.subarray(at(2))]),
    ],
  ];

  test.each(damages)('is never read to its end: %s', async (_, damage) => {
    await writeFile(file, damage(Buffer.from(whole)));
    await expect(read(sha256)).rejects.toThrow();
  });

  test('nor is one of other bytes, of another key, or its range where the damage is', async () => {
    await expect(read('0'.repeat(64))).rejects.toThrow();
    await expect(read(sha256, undefined, new PodKey(randomBytes(32)))).rejects.toThrow();
    whole.writeUInt8(whole.readUInt8(at(2) + 9) ^ 1, at(2) + 9);
    await writeFile(file, whole);
    await expect(read(sha256, { first: 2 * chunkBytes, last: 2 * chunkBytes })).rejects.toThrow();
    expect((await read(sha256, { first: 0, last: 9 })).equals(plain.subarray(0, 10))).toBe(true);
  });
});
