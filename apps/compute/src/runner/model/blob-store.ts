import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { isWatershedError, WatershedError } from '#errors';
import type { BlobPort } from './engine/model.ports.js';

export interface BlobSource {
  /** The blob's bytes from `offsetBytes` on, under a ticket of its own. */
  open(blob: { sha256: string; sizeBytes: number }, offsetBytes: number): Promise<Readable>;
}

export interface BlobStoreOptions {
  readonly folder: string;
  /** Blobs in use are kept beyond it. */
  readonly capacityBytes: number;
  readonly source: BlobSource;
  /** Fetches that break are taken up again so often, as long as each brings something. */
  readonly attempts: number;
}

const partial = '.part';

/**
 * Model files by their digest, on this runner's disk. A file bears its final name only when all its bytes have been
 * verified and are on the disk, so a crash leaves a part to go on with, never a blob that is not one.
 */
export class BlobStore implements BlobPort {
  private readonly fetches = new Map<string, Promise<string>>();
  private readonly inUse = new Map<string, number>();

  constructor(private readonly options: BlobStoreOptions) {}

  /** Once at a time per digest: who comes second waits for the first. */
  async obtain(blob: { sha256: string; sizeBytes: number }): Promise<string> {
    this.inUse.set(blob.sha256, (this.inUse.get(blob.sha256) ?? 0) + 1);
    try {
      let fetch = this.fetches.get(blob.sha256);
      if (!fetch) {
        fetch = this.fetch(blob).finally(() => this.fetches.delete(blob.sha256));
        this.fetches.set(blob.sha256, fetch);
      }
      return await fetch;
    } catch (error) {
      this.release(blob.sha256);
      throw fullDisk(error);
    }
  }

  release(sha256: string): void {
    const uses = (this.inUse.get(sha256) ?? 0) - 1;
    if (uses > 0) this.inUse.set(sha256, uses);
    else this.inUse.delete(sha256);
  }

  private async fetch(blob: { sha256: string; sizeBytes: number }): Promise<string> {
    const { folder } = this.options;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const path = join(folder, blob.sha256);
    if (await this.holds(path, blob)) return path;
    await this.makeRoom(blob.sizeBytes);
    await this.fetchPart(`${path}${partial}`, blob);
    await rename(`${path}${partial}`, path);
    await syncFolder(folder);
    return path;
  }

  /** A file that is here is read once more: disks rot, and what is loaded is code. */
  private async holds(path: string, blob: { sha256: string; sizeBytes: number }): Promise<boolean> {
    if ((await sizeOf(path)) !== blob.sizeBytes) return false;
    const hash = createHash('sha256');
    await pipeline(createReadStream(path), hash);
    if (hash.digest('hex') !== blob.sha256) return false;
    const now = new Date();
    await utimes(path, now, now);
    return true;
  }

  private async fetchPart(part: string, blob: { sha256: string; sizeBytes: number }): Promise<void> {
    for (let broken = 0; ; ) {
      const before = (await sizeOf(part)) ?? 0;
      try {
        await this.continuePart(part, blob);
        return;
      } catch (error) {
        const after = (await sizeOf(part)) ?? 0;
        broken = after > before ? 0 : broken + 1;
        // What was fetched by another run may be rotten: once it is fetched from its beginning.
        const spoilt = isWatershedError(error, 'digest_mismatch');
        if (spoilt) await rm(part, { force: true });
        if (spoilt ? before === 0 : broken >= this.options.attempts || refusedForGood(error)) throw error;
      }
    }
  }

  private async continuePart(part: string, blob: { sha256: string; sizeBytes: number }): Promise<void> {
    const hash = createHash('sha256');
    let size = (await sizeOf(part)) ?? 0;
    if (size > blob.sizeBytes) throw mismatch(blob.sha256);
    if (size > 0) await pipeline(createReadStream(part), hash, { end: false });
    const file = await open(part, 'a', 0o600);
    try {
      if (size < blob.sizeBytes)
        size += await append(file, await this.options.source.open(blob, size), hash, blob, size);
      if (size < blob.sizeBytes)
        throw new WatershedError('node_unreachable', 'The transfer of the model broke off.', { retryAfterMs: 1_000 });
      if (hash.digest('hex') !== blob.sha256) throw mismatch(blob.sha256);
      await file.sync();
    } finally {
      await file.close();
    }
  }

  /** Evicts what was used longest ago, parts of fetches that nobody goes on with included. */
  private async makeRoom(neededBytes: number): Promise<void> {
    const { folder, capacityBytes } = this.options;
    const files = await Promise.all(
      (await readdir(folder)).map(async (name) => {
        const found = await stat(join(folder, name)).catch(() => undefined);
        return { name, sizeBytes: found?.size ?? 0, usedAt: found?.mtimeMs ?? 0 };
      }),
    );
    let total = neededBytes + files.reduce((sum, file) => sum + file.sizeBytes, 0);
    for (const file of files.sort((a, b) => a.usedAt - b.usedAt)) {
      if (total <= capacityBytes) return;
      const digest = file.name.replace(partial, '');
      if (this.inUse.has(digest)) continue;
      await rm(join(folder, file.name), { force: true });
      total -= file.sizeBytes;
    }
  }
}

async function append(
  file: FileHandle,
  source: Readable,
  hash: Hash,
  blob: { sha256: string; sizeBytes: number },
  from: number,
): Promise<number> {
  let received = 0;
  for await (const chunk of source) {
    const bytes: Buffer = chunk;
    received += bytes.byteLength;
    if (from + received > blob.sizeBytes) {
      source.destroy();
      throw mismatch(blob.sha256);
    }
    hash.update(bytes);
    await file.writeFile(bytes);
  }
  return received;
}

const mismatch = (sha256: string) =>
  new WatershedError('digest_mismatch', 'The bytes that arrived are not those of the digest.', { details: { sha256 } });

/** Refusals that another try would meet again. */
const refusedForGood = (error: unknown): boolean =>
  isWatershedError(error) &&
  ['blob_unknown', 'model_unknown', 'caller_not_allowed', 'storage_full', 'policy_forbids'].includes(error.code);

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

const codeOf = (error: unknown): unknown =>
  typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;

function fullDisk(error: unknown): unknown {
  const code = codeOf(error);
  if (code !== 'ENOSPC' && code !== 'EDQUOT') return error;
  return new WatershedError('storage_full', "The runner's disk has no room for this model.", {
    retryAfterMs: 30_000,
    cause: error,
  });
}
