import { createHmac, timingSafeEqual } from 'node:crypto';
import {
  createSecretKey,
  KeyFileError,
  readPrivateFile,
  readSecretKey,
  replacePrivateFile,
  type SecretPurpose,
  secretKeyFileText,
} from '#sigil';
import { openBytes } from './seal.js';

/** What the database knows of the key that wraps its keys. */
export interface KekMemory {
  /** Made from the key when it was first used; tells a wrong key, and nothing about the right one. */
  readonly checkValue: Uint8Array | undefined;
  /** Something that was sealed under it, where there is any: from before there was a check value. */
  readonly sample: { readonly sealed: Uint8Array; readonly context: string } | undefined;
}

export interface KekLedger {
  /**
   * Calls `decide` with what is known, alone among all that open this ledger at once, and keeps the check value that it
   * answers; undefined keeps things as they are. Throws what `decide` throws, and has changed nothing then.
   */
  settle(decide: (memory: KekMemory) => Promise<Uint8Array | undefined>): Promise<void>;
}

export interface KekOptions {
  readonly file: string;
  readonly purpose: SecretPurpose;
  readonly ledger: KekLedger;
}

/**
 * The key-encryption key: 32 bytes in a file of mode 0600 outside the database, made when neither file nor database
 * knows one. Throws KeyFileError when the file is missing although something was sealed under it (`key_file_missing`),
 * holds another key than that (`key_file_mismatch`), or must not be used (`mode`, `purpose`, `corrupt`); then neither
 * file nor database was changed: a key made anew would hide for ever that the right one is only mislaid.
 */
export async function openKek({ file, purpose, ledger }: KekOptions): Promise<Uint8Array> {
  const found: { key?: Buffer } = {};
  const raw = await rawKeyIn(file);
  await ledger.settle(async ({ checkValue, sample }) => {
    const there = raw ?? (await readSecretKey(file, purpose));
    if (!there && (checkValue || sample)) {
      throw new KeyFileError(
        'missing',
        `There is no key file ${file}, and the database holds what only its key opens. Put it back from where you keep it.`,
      );
    }
    // Durable before the check value commits: a crash in between leaves a key that nothing was sealed under.
    const key = there ?? (await createSecretKey(file, purpose));
    const value = kekCheckValue(key, purpose);
    const fits = checkValue ? isSame(checkValue, value) : !sample || opens(key, sample);
    if (!fits) {
      throw new KeyFileError(
        'mismatch',
        `${file} holds another key than the one that the database's content is sealed under. Put the right one back.`,
      );
    }
    found.key = key;
    return checkValue ? undefined : value;
  });
  if (!found.key) throw new Error('the ledger settled without asking');
  if (raw) await replacePrivateFile(file, secretKeyFileText(raw, purpose));
  return found.key;
}

/** 16 bytes that tell this key from any other. */
export function kekCheckValue(key: Uint8Array, purpose: SecretPurpose): Uint8Array<ArrayBuffer> {
  return new Uint8Array(createHmac('sha256', key).update(`watershed/${purpose}/check/v1`).digest().subarray(0, 16));
}

/** A key file of the form before files said their purpose; it is written anew once the key has proved itself. */
async function rawKeyIn(file: string): Promise<Buffer | undefined> {
  const text = await readPrivateFile(file);
  return text && /^[A-Za-z0-9_-]{43}\n$/.test(text) ? Buffer.from(text.trim(), 'base64url') : undefined;
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return one.byteLength === other.byteLength && timingSafeEqual(one, other);
}

function opens(key: Uint8Array, { sealed, context }: { sealed: Uint8Array; context: string }): boolean {
  try {
    openBytes(key, sealed, context);
    return true;
  } catch {
    return false; // sealed under another key, which is the question
  }
}
