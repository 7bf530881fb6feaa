import { createCipheriv, createDecipheriv, createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import type { PodKey } from './engine/pod-key.js';

/** Of plain bytes; the last chunk may be shorter. */
export const chunkBytes = 64 * 1024;
const tagBytes = 16;
const magic = Buffer.from('WSPOD\0\x01\x10', 'latin1'); // version 1, chunks of 2^16
const saltBytes = 32;
const macBytes = 32;
export const headBytes = magic.byteLength + saltBytes + macBytes;
/** The counter of a chunk is four bytes of its nonce. */
const mostChunks = 2 ** 32;

/**
 * A nonce of the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár: Online Authenticated-Encryption, 2015): place
 * and end are authenticated with every chunk, so none can be moved, dropped or doubled. The key is of this file alone,
 * hence no prefix.
 */
function nonceOf(chunk: number, isLast: boolean): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeUInt32BE(chunk, 7);
  nonce.writeUInt8(isLast ? 1 : 0, 11);
  return nonce;
}

function vouchFor(key: Uint8Array, salt: Uint8Array, sizeBytes: number, sha256: string): Buffer {
  const size = Buffer.alloc(8);
  size.writeBigUInt64BE(BigInt(sizeBytes));
  return createHmac('sha256', key).update(magic).update(salt).update(size).update(sha256, 'latin1').digest();
}

async function writeAll(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let written = 0; written < bytes.byteLength; )
    written += (await handle.write(bytes, written, bytes.byteLength - written, position + written)).bytesWritten;
}

/** Writes one file as chunks come; its head, which vouches for the hash of the whole, is written last. */
export class SealedFileWriter {
  readonly #handle: FileHandle;
  readonly #salt = randomBytes(saltBytes);
  readonly #keys: ReturnType<PodKey['fileKeys']>;
  readonly #hash = createHash('sha256');
  readonly #pending = Buffer.allocUnsafe(chunkBytes);
  #filled = 0;
  #chunks = 0;
  #position = headBytes;
  #sizeBytes = 0;

  constructor(handle: FileHandle, key: PodKey) {
    this.#handle = handle;
    this.#keys = key.fileKeys(this.#salt);
  }

  async write(bytes: Buffer): Promise<void> {
    this.#hash.update(bytes);
    this.#sizeBytes += bytes.byteLength;
    for (let from = 0; from < bytes.byteLength; ) {
      // A full chunk waits for the byte after it: only then it is known not to be the last.
      if (this.#filled === chunkBytes) await this.#flush(false);
      const taken = bytes.copy(this.#pending, this.#filled, from);
      this.#filled += taken;
      from += taken;
    }
  }

  async end(): Promise<{ sha256: string; sizeBytes: number }> {
    await this.#flush(true);
    const sha256 = this.#hash.digest('hex');
    const mac = vouchFor(this.#keys.vouch, this.#salt, this.#sizeBytes, sha256);
    await writeAll(this.#handle, Buffer.concat([magic, this.#salt, mac]), 0);
    return { sha256, sizeBytes: this.#sizeBytes };
  }

  async #flush(isLast: boolean): Promise<void> {
    if (this.#chunks >= mostChunks) throw new Error('the content has more chunks than can be counted');
    const cipher = createCipheriv('aes-256-gcm', this.#keys.encrypt, nonceOf(this.#chunks, isLast));
    const sealed = cipher.update(this.#pending.subarray(0, this.#filled));
    cipher.final();
    const chunk = Buffer.concat([sealed, cipher.getAuthTag()]);
    await writeAll(this.#handle, chunk, this.#position);
    this.#position += chunk.byteLength;
    this.#chunks += 1;
    this.#filled = 0;
  }
}

/** A file that was found to be the one of these bytes; its chunks are proved as they are read. */
export interface SealedFile {
  readonly sizeBytes: number;
  read(range?: { readonly first: number; readonly last: number }): AsyncGenerator<Buffer>;
}

/** Throws where the head does not vouch for `sha256` and the file's length under this key. */
export async function openSealedFile(handle: FileHandle, key: PodKey, sha256: string): Promise<SealedFile> {
  const head = await readExactly(handle, 0, headBytes);
  const body = (await handle.stat()).size - headBytes;
  const chunks = Math.ceil(body / (chunkBytes + tagBytes));
  const sizeBytes = body - chunks * tagBytes;
  if (!head.subarray(0, magic.byteLength).equals(magic) || chunks < 1 || sizeBytes < 0) throw damaged();
  const salt = head.subarray(magic.byteLength, magic.byteLength + saltBytes);
  const keys = key.fileKeys(salt);
  const mac = vouchFor(keys.vouch, salt, sizeBytes, sha256);
  if (!timingSafeEqual(mac, head.subarray(magic.byteLength + saltBytes))) throw damaged();

  async function chunkAt(index: number): Promise<Buffer> {
    const position = headBytes + index * (chunkBytes + tagBytes);
    const isLast = index === chunks - 1;
    const length = isLast ? sizeBytes - index * chunkBytes + tagBytes : chunkBytes + tagBytes;
    const sealed = await readExactly(handle, position, length);
    const decipher = createDecipheriv('aes-256-gcm', keys.encrypt, nonceOf(index, isLast), { authTagLength: tagBytes });
    decipher.setAuthTag(sealed.subarray(length - tagBytes));
    const plain = decipher.update(sealed.subarray(0, length - tagBytes));
    decipher.final();
    return plain;
  }

  return {
    sizeBytes,
    async *read({ first, last } = { first: 0, last: Math.max(0, sizeBytes - 1) }) {
      for (let index = Math.floor(first / chunkBytes); index <= Math.floor(last / chunkBytes); index += 1) {
        const at = index * chunkBytes;
        const plain = await chunkAt(index);
        const part = plain.subarray(Math.max(0, first - at), Math.min(plain.byteLength, last - at + 1));
        if (part.byteLength > 0) yield part;
      }
    },
  };
}

async function readExactly(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(length);
  for (let read = 0; read < length; ) {
    const { bytesRead } = await handle.read(buffer, read, length - read, position + read);
    if (bytesRead === 0) throw damaged();
    read += bytesRead;
  }
  return buffer;
}

const damaged = () => new Error('the bytes on the disk are not those that were stored');
