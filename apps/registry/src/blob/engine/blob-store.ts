import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { isWatershedError, WatershedError } from '#errors';

export interface BlobStoreOptions {
  /** Of the registry alone. */
  readonly folder: string;
  readonly maxBytes: number;
  /** A sender that is silent for longer has gone. */
  readonly idleMs: number;
  readonly now?: () => number;
}

export interface BlobPart {
  readonly sha256: string;
  readonly sizeBytes: number;
  /** Where the sent bytes begin; as many must be here already. */
  readonly offsetBytes: number;
}

export interface UploadOutcome {
  readonly complete: boolean;
  /** How many bytes are here now. */
  readonly offsetBytes: number;
}

interface ActiveUpload {
  readonly abort: AbortController;
  readonly ended: Promise<void>;
}

/**
 * Blobs by their SHA-256, in files. A file bears its final name, `sha256/aa/<hash>`, only when all its bytes were hashed
 * as they came and lie on the disk; until then it is a part, `uploads/<hash>.part`, that an upload which broke, or a
 * registry that was killed, goes on with.
 */
export class BlobStore {
  readonly #options: BlobStoreOptions;
  readonly #active = new Map<string, ActiveUpload>();

  constructor(options: BlobStoreOptions) {
    this.#options = options;
  }

  pathOf(sha256: string): string {
    return join(this.#options.folder, 'sha256', sha256.slice(0, 2), sha256);
  }

  /** Size of a blob that is wholly here. */
  sizeOf(sha256: string): Promise<number | undefined> {
    return sizeOfFile(this.pathOf(sha256));
  }

  /** How many bytes of an unfinished upload are here. */
  async partSizeOf(sha256: string): Promise<number> {
    return (await sizeOfFile(this.#partOf(sha256))) ?? 0;
  }

  /** Finishes an upload of which all bytes are here: a registry was killed between the last one and the name. */
  async finish(sha256: string, sizeBytes: number): Promise<UploadOutcome> {
    // A larger part is of a sender that announced another size.
    if ((await this.partSizeOf(sha256)) > sizeBytes) await rm(this.#partOf(sha256), { force: true });
    try {
      return await this.receive({ sha256, sizeBytes, offsetBytes: await this.partSizeOf(sha256) }, Readable.from([]));
    } catch (error) {
      if (isWatershedError(error, 'digest_mismatch')) return { complete: false, offsetBytes: 0 };
      throw error;
    }
  }

  /**
   * Takes bytes from `offsetBytes` on. The upload that another sender of the same blob left open is ended first: who asked
   * last goes on. Throws `conflict` (other bytes are here than the sender believes), `body_too_large` or
   * `digest_mismatch` (then nothing is kept), `storage_full` (nor then).
   */
  async receive(part: BlobPart, source: Readable): Promise<UploadOutcome> {
    if (part.sizeBytes > this.#options.maxBytes) throw tooLarge(this.#options.maxBytes);
    const abort = new AbortController();
    let finish = (): void => undefined;
    const ended = new Promise<void>((resolve) => {
      finish = resolve;
    });
    // Before anything is awaited: of two that come at once, the second finds the first one here.
    const before = this.#active.get(part.sha256);
    this.#active.set(part.sha256, { abort, ended });
    try {
      before?.abort.abort();
      await before?.ended;
      return await this.#receive(part, source, abort.signal);
    } catch (error) {
      throw await this.#failed(error, part.sha256);
    } finally {
      if (this.#active.get(part.sha256)?.abort === abort) this.#active.delete(part.sha256);
      finish();
    }
  }

  /** The bytes from `start` up to and with `end`. */
  read(sha256: string, start: number, end: number): Readable {
    return createReadStream(this.pathOf(sha256), { start, end, highWaterMark: 256 * 1024 });
  }

  async remove(sha256: string): Promise<void> {
    await rm(this.pathOf(sha256), { force: true });
  }

  /** Removes parts that nobody went on with, and blobs that `isWanted` knows nothing of; both only when old enough. */
  async sweep(olderThanMs: number, isWanted: (sha256: string) => Promise<boolean>): Promise<number> {
    const before = (this.#options.now ?? Date.now)() - olderThanMs;
    let removed = 0;
    for (const path of await filesUnder(join(this.#options.folder, 'uploads'))) {
      if ((await modifiedAt(path)) >= before || this.#active.has(path.slice(-69, -5))) continue;
      await rm(path, { force: true });
      removed += 1;
    }
    for (const path of await filesUnder(join(this.#options.folder, 'sha256'))) {
      if ((await modifiedAt(path)) >= before || (await isWanted(path.slice(-64)))) continue;
      await rm(path, { force: true });
      removed += 1;
    }
    return removed;
  }

  /** Ends what is being received; the parts stay for the next run. */
  async close(): Promise<void> {
    const active = [...this.#active.values()];
    for (const { abort } of active) abort.abort();
    await Promise.all(active.map(({ ended }) => ended));
  }

  #partOf(sha256: string): string {
    return join(this.#options.folder, 'uploads', `${sha256}.part`);
  }

  async #receive(part: BlobPart, source: Readable, signal: AbortSignal): Promise<UploadOutcome> {
    const { sha256, sizeBytes } = part;
    if ((await this.sizeOf(sha256)) !== undefined) {
      source.resume();
      return { complete: true, offsetBytes: sizeBytes };
    }
    const path = this.#partOf(sha256);
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const here = await this.partSizeOf(sha256);
    if (here !== part.offsetBytes) throw elsewhere(here);
    const hash = createHash('sha256');
    if (here > 0) await pipeline(createReadStream(path), hash, { end: false });
    const file = await open(path, 'a', 0o600);
    try {
      const size = here + (await this.#append(file, hash, source, sizeBytes - here, signal));
      if (size < sizeBytes) return { complete: false, offsetBytes: size };
      if (hash.digest('hex') !== sha256) throw mismatch();
      await file.sync();
    } finally {
      await file.close();
    }
    await this.#keep(path, sha256);
    return { complete: true, offsetBytes: sizeBytes };
  }

  async #append(file: FileHandle, hash: Hash, source: Readable, atMost: number, signal: AbortSignal): Promise<number> {
    let received = 0;
    let idle: NodeJS.Timeout | undefined;
    const stop = (): void =>
      void source.destroy(new WatershedError('conflict', 'Another upload of this blob went on.'));
    const silent = (): void =>
      void source.destroy(
        new WatershedError('deadline_exceeded', 'The sender was silent for too long. Go on from where it stopped.'),
      );
    const wait = (): void => {
      clearTimeout(idle);
      idle = setTimeout(silent, this.#options.idleMs);
    };
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    wait();
    try {
      // A refusal must still reach the sender, so the stream is left open for the answer.
      for await (const chunk of source.iterator({ destroyOnReturn: false })) {
        const bytes: Buffer = chunk;
        received += bytes.byteLength;
        if (received > atMost) throw tooLarge(atMost);
        hash.update(bytes);
        await file.writeFile(bytes);
        wait();
      }
    } finally {
      clearTimeout(idle);
      signal.removeEventListener('abort', stop);
    }
    return received;
  }

  /** Renamed only when the bytes are on the disk, and answered only when the name is. */
  async #keep(path: string, sha256: string): Promise<void> {
    const target = this.pathOf(sha256);
    const folder = dirname(target);
    if (await mkdir(folder, { recursive: true, mode: 0o700 })) await syncFolder(dirname(folder));
    await rename(path, target);
    await syncFolder(folder);
  }

  /** What is worthless is removed at once; what only broke off stays for who goes on. */
  async #failed(error: unknown, sha256: string): Promise<unknown> {
    const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
    const full = code === 'ENOSPC' || code === 'EDQUOT';
    if (full || code === 'digest_mismatch' || code === 'body_too_large')
      await rm(this.#partOf(sha256), { force: true });
    if (full) {
      return new WatershedError('storage_full', 'The registry’s disk has no room for this blob.', {
        retryAfterMs: 60_000,
        cause: error,
      });
    }
    if (code === 'ECONNRESET' || code === 'ERR_STREAM_PREMATURE_CLOSE') {
      return new WatershedError('malformed_body', 'The upload broke off. Go on from where it stopped.', {
        cause: error,
      });
    }
    return error;
  }
}

const mismatch = () =>
  new WatershedError('digest_mismatch', 'The bytes have another SHA-256 than was announced; nothing was kept.');
const tooLarge = (maxBytes: number) =>
  new WatershedError('body_too_large', `At most ${maxBytes} bytes are taken here.`, { details: { maxBytes } });
const elsewhere = (offsetBytes: number) =>
  new WatershedError(
    'conflict',
    `${offsetBytes} bytes of this blob are here; ask for a new place and go on from there.`,
    {
      details: { offsetBytes },
      retryAfterMs: 0,
    },
  );

async function sizeOfFile(path: string): Promise<number | undefined> {
  return (await stat(path).catch(ignoreMissing))?.size;
}

async function modifiedAt(path: string): Promise<number> {
  return (await stat(path).catch(ignoreMissing))?.mtimeMs ?? Number.POSITIVE_INFINITY;
}

async function filesUnder(folder: string): Promise<string[]> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true }).catch(ignoreMissing);
  return (found ?? []).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
  return undefined;
}
