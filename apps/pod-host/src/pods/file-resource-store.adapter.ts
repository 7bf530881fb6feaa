import { createHash, randomUUID } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, rename, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { isWatershedError, WatershedError } from '#errors';
import { bodyBrokeOff, resourceTooLarge } from './engine/pod.errors.js';
import type { ResourceStore, StagedContent, StoredContent } from './engine/pod.ports.js';

const hasCode = (error: unknown, ...codes: string[]): boolean =>
  error instanceof Error && 'code' in error && codes.includes(String(error.code));

function storageError(error: unknown): unknown {
  if (isWatershedError(error) || !hasCode(error, 'ENOSPC', 'EDQUOT', 'EFBIG')) return error;
  return new WatershedError('storage_full', 'This pod host has no room left. Try another, or later.', {
    retryAfterMs: 60_000,
    cause: error,
  });
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

const isContentName = (name: string): boolean => /^[0-9a-f]{64}$/.test(name);
const isPodName = (name: string): boolean => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(name);

/**
 * Bytes in files, `<folder>/<pod id>/<sha-256>`: paths that people choose never become file names. Arrivals lie in
 * `<folder>/.incoming/<instance>` until they are whole and synced; the rename on the same file system is what makes them
 * count.
 */
export class FileResourceStore implements ResourceStore {
  readonly #folder: string;
  readonly #incoming: string;
  readonly #staged = new WeakMap<StagedContent, string>();

  constructor(folder: string, instance: string) {
    this.#folder = folder;
    this.#incoming = join(folder, '.incoming', instance);
  }

  async stage(source: Readable, maxBytes: number): Promise<StagedContent> {
    await mkdir(this.#incoming, { recursive: true, mode: 0o700 });
    const file = join(this.#incoming, randomUUID());
    const handle = await open(file, 'wx', 0o600);
    try {
      const staged = await receive(source, handle, maxBytes);
      await handle.sync();
      await handle.close();
      this.#staged.set(staged, file);
      return staged;
    } catch (error) {
      await handle.close().catch(() => undefined);
      await rm(file, { force: true });
      throw storageError(error);
    }
  }

  async keep(podId: string, staged: StagedContent): Promise<void> {
    const file = this.#staged.get(staged);
    if (file === undefined) throw new Error('these bytes were not staged here');
    try {
      const folder = this.#podFolder(podId);
      if ((await mkdir(folder, { recursive: true, mode: 0o700 })) !== undefined) await syncFolder(this.#folder);
      await rename(file, join(folder, staged.sha256));
      await syncFolder(folder);
    } catch (error) {
      throw storageError(error);
    }
  }

  async discard(staged: StagedContent): Promise<void> {
    const file = this.#staged.get(staged);
    this.#staged.delete(staged);
    if (file !== undefined) await rm(file, { force: true });
  }

  async open(podId: string, sha256: string): Promise<StoredContent | undefined> {
    let handle: FileHandle;
    try {
      handle = await open(this.#file(podId, sha256), 'r');
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return undefined;
      throw error;
    }
    const { size } = await handle.stat();
    return {
      sizeBytes: size,
      close: () => handle.close(),
      read: (range) =>
        Readable.from(range ? part(handle, range.first, range.last) : whole(handle, size, sha256), {
          objectMode: false,
          highWaterMark: chunkBytes,
        }),
    };
  }

  async erase(podId: string, sha256: string): Promise<void> {
    await rm(this.#file(podId, sha256), { force: true });
  }

  async erasePod(podId: string): Promise<void> {
    await rm(this.#podFolder(podId), { recursive: true, force: true });
  }

  async clearStaging(): Promise<void> {
    await rm(this.#incoming, { recursive: true, force: true });
    await mkdir(this.#incoming, { recursive: true, mode: 0o700 });
  }

  async podIds(): Promise<readonly string[]> {
    return (await readdir(this.#folder)).filter(isPodName);
  }

  async contents(podId: string): Promise<readonly string[]> {
    return (await readdir(this.#podFolder(podId))).filter(isContentName);
  }

  #podFolder(podId: string): string {
    if (!isPodName(podId)) throw new Error('not the id of a pod');
    return join(this.#folder, podId);
  }

  #file(podId: string, sha256: string): string {
    if (!isContentName(sha256)) throw new Error('not the hash of a content');
    return join(this.#podFolder(podId), sha256);
  }
}

/** Room on the disk under `folder`, in bytes. */
export async function freeBytes(folder: string): Promise<number> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

async function receive(source: Readable, handle: FileHandle, maxBytes: number): Promise<StagedContent> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  const chunks = source[Symbol.asyncIterator]();
  for (;;) {
    const next: IteratorResult<Buffer> = await chunks.next().catch(() => {
      throw bodyBrokeOff();
    });
    if (next.done) break;
    sizeBytes += next.value.byteLength;
    if (sizeBytes > maxBytes) throw resourceTooLarge(maxBytes);
    hash.update(next.value);
    await writeAll(handle, next.value);
  }
  return { sha256: hash.digest('hex'), sizeBytes };
}

async function writeAll(handle: FileHandle, bytes: Buffer): Promise<void> {
  for (let written = 0; written < bytes.byteLength; ) {
    written += (await handle.write(bytes, written)).bytesWritten;
  }
}

const chunkBytes = 64 * 1024;

async function* part(handle: FileHandle, first: number, last: number): AsyncGenerator<Buffer> {
  try {
    for (let at = first; at <= last; ) {
      const { bytesRead, buffer } = await handle.read(
        Buffer.allocUnsafe(Math.min(chunkBytes, last - at + 1)),
        0,
        undefined,
        at,
      );
      if (bytesRead === 0) throw new Error('the content is shorter than it was');
      at += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await handle.close();
  }
}

/** The last chunk is held back until the hash is known to be right: a reader never gets all of wrong bytes. */
async function* whole(handle: FileHandle, size: number, sha256: string): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  let held: Buffer | undefined;
  for await (const chunk of part(handle, 0, size - 1)) {
    hash.update(chunk);
    if (held) yield held;
    held = chunk;
  }
  if (hash.digest('hex') !== sha256) throw new Error('the bytes on the disk are not those that were stored');
  if (held) yield held;
}
