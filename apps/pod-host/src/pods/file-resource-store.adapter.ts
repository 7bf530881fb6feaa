import { randomUUID } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, rename, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { isWatershedError, WatershedError } from '#errors';
import { bodyBrokeOff, resourceTooLarge } from './engine/pod.errors.js';
import type { ResourceStore, StagedContent, StoredContent } from './engine/pod.ports.js';
import type { PodKey } from './engine/pod-key.js';
import { chunkBytes, openSealedFile, SealedFileWriter } from './sealed-file.js';

const hasCode = (error: unknown, ...codes: string[]): boolean =>
  typeof error === 'object' && error !== null && 'code' in error && codes.includes(String(error.code));

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
 * Sealed bytes in files, `<folder>/<pod id>/<content tag>`: neither what people choose nor what their bytes are can be told
 * from a name. Arrivals, sealed as they come, lie in
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

  async stage(key: PodKey, source: Readable, maxBytes: number): Promise<StagedContent> {
    await mkdir(this.#incoming, { recursive: true, mode: 0o700 });
    const file = join(this.#incoming, randomUUID());
    const handle = await open(file, 'wx', 0o600);
    try {
      const staged = await receive(source, new SealedFileWriter(handle, key), maxBytes);
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

  async keep(podId: string, contentTag: string, staged: StagedContent): Promise<void> {
    const file = this.#staged.get(staged);
    if (file === undefined) throw new Error('these bytes were not staged here');
    try {
      const folder = this.#podFolder(podId);
      if ((await mkdir(folder, { recursive: true, mode: 0o700 })) !== undefined) await syncFolder(this.#folder);
      await rename(file, this.#file(podId, contentTag));
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

  async open(podId: string, key: PodKey, sha256: string): Promise<StoredContent | undefined> {
    const handle = await opened(this.#file(podId, key.contentTag(sha256)));
    if (!handle) return undefined;
    try {
      const file = await openSealedFile(handle, key, sha256);
      return {
        sizeBytes: file.sizeBytes,
        close: () => handle.close(),
        read: (range) => {
          const body = Readable.from(file.read(range), { objectMode: false, highWaterMark: chunkBytes });
          // However it ends, also before anyone read of it: who asked may have hung up meanwhile.
          return body.once('close', () => void handle.close());
        },
      };
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  async openPlain(podId: string, sha256: string): Promise<Readable | undefined> {
    return (await opened(this.#file(podId, sha256)))?.createReadStream();
  }

  async erase(podId: string, contentTag: string): Promise<void> {
    await rm(this.#file(podId, contentTag), { force: true });
  }

  async erasePod(podId: string): Promise<void> {
    await rm(this.#podFolder(podId), { recursive: true, force: true });
  }

  async clearStaging(): Promise<void> {
    await rm(this.#incoming, { recursive: true, force: true });
    await mkdir(this.#incoming, { recursive: true, mode: 0o700 });
  }

  async clearAbandoned(olderThanMs: number): Promise<number> {
    const before = Date.now() - olderThanMs;
    const found = await readdir(join(this.#folder, '.incoming'), { recursive: true, withFileTypes: true }).catch(
      absent,
    );
    let cleared = 0;
    for (const entry of found ?? []) {
      const file = join(entry.parentPath, entry.name);
      const { mtimeMs } = (entry.isFile() && (await stat(file).catch(absent))) || { mtimeMs: Number.POSITIVE_INFINITY };
      if (mtimeMs >= before) continue;
      await rm(file, { force: true });
      cleared += 1;
    }
    return cleared;
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

  #file(podId: string, name: string): string {
    if (!isContentName(name)) throw new Error('not the name of a content');
    return join(this.#podFolder(podId), name);
  }
}

/** Room on the disk under `folder`, in bytes. */
export async function freeBytes(folder: string): Promise<number> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

async function receive(source: Readable, file: SealedFileWriter, maxBytes: number): Promise<StagedContent> {
  let sizeBytes = 0;
  const chunks = source[Symbol.asyncIterator]();
  for (;;) {
    const next: IteratorResult<Buffer> = await chunks.next().catch(() => {
      throw bodyBrokeOff();
    });
    if (next.done) return file.end();
    sizeBytes += next.value.byteLength;
    if (sizeBytes > maxBytes) throw resourceTooLarge(maxBytes);
    await file.write(next.value);
  }
}

async function opened(file: string): Promise<FileHandle | undefined> {
  return open(file, 'r').catch(absent);
}

function absent(error: unknown): undefined {
  if (!hasCode(error, 'ENOENT')) throw error;
  return undefined;
}
