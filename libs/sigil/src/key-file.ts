import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readdir, rename, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { type KeyPurpose, keyPurpose, keyPurposes, publicJwk } from '#contracts';
import { KeyFileError } from './key-file.errors.js';
import { generateSigil, type Sigil, sigilFromPrivateJwk } from './sigil.js';

const keyFile = z.object({
  type: z.literal('watershed/key'),
  purpose: keyPurpose,
  thumbprint: z.string(),
  privateJwk: publicJwk.extend({ crv: z.literal('Ed25519'), d: z.string().regex(/^[A-Za-z0-9_-]{43}$/) }),
});

/** Keys that encrypt instead of signing: 32 random bytes. Their purposes are none that a signature can have. */
export const secretPurposes = [
  'kek', // gateway: wraps people's data keys
  'pod-kek', // pod host: wraps pods' keys
] as const;
export type SecretPurpose = (typeof secretPurposes)[number];

/** Where such a key lies in a data folder unless its service is told otherwise. */
export function secretKeyFileOf(dataDir: string, purpose: SecretPurpose): string {
  return join(dataDir, 'keys', purpose === 'kek' ? 'kek' : `${purpose}.json`);
}

const secretFile = z.object({
  type: z.literal('watershed/secret-key'),
  purpose: z.enum(secretPurposes),
  secret: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
});

/** Reads a key file; throws KeyFileError when it is missing, readable by others, damaged, or of another purpose. */
export async function loadSigil(file: string, purpose: KeyPurpose): Promise<Sigil> {
  const sigil = await readSigil(file, purpose);
  if (!sigil) throw new KeyFileError('missing', `There is no key file ${file}.`);
  return sigil;
}

/**
 * The sigil of this file, made when there is none. Two processes that make it at once end with the same key: the file
 * appears whole or not at all, and the second to come reads the first one's.
 */
export async function loadOrCreateSigil(file: string, purpose: KeyPurpose): Promise<Sigil> {
  const existing = await readSigil(file, purpose);
  if (existing) return existing;
  const sigil = await generateSigil(purpose);
  const created = await createPrivateFile(file, sigilFileText(sigil));
  return created ? sigil : await loadSigil(file, purpose);
}

/** The text of a key file that holds this sigil. */
export function sigilFileText(sigil: Sigil): string {
  const content = {
    type: 'watershed/key',
    purpose: sigil.purpose,
    thumbprint: sigil.thumbprint,
    privateJwk: sigil.exportPrivateJwk(),
  };
  return `${JSON.stringify(content, null, 2)}\n`;
}

async function readSigil(file: string, purpose: KeyPurpose): Promise<Sigil | undefined> {
  const text = await readPrivateFile(file);
  if (text === undefined) return undefined;
  const data = keyFileFor(file, text, keyFile, purpose);
  try {
    const sigil = sigilFromPrivateJwk(purpose, data.privateJwk);
    if (sigil.thumbprint === data.thumbprint) return sigil;
  } catch (cause) {
    throw new KeyFileError('corrupt', `${file} holds a damaged key.`, { cause });
  }
  throw new KeyFileError('corrupt', `${file} holds another key than it says.`);
}

/**
 * The secret key of this file; undefined where there is none: whether one may be made is not for the file to know. Throws
 * KeyFileError as `loadSigil`.
 */
export async function readSecretKey(file: string, purpose: SecretPurpose): Promise<Buffer | undefined> {
  const text = await readPrivateFile(file);
  if (text === undefined) return undefined;
  return Buffer.from(keyFileFor(file, text, secretFile, purpose).secret, 'base64url');
}

/** Makes a secret key where there is no file yet. Of two that do it at once, both get the one that lies there. */
export async function createSecretKey(file: string, purpose: SecretPurpose): Promise<Buffer> {
  const secret = randomBytes(32);
  if (await createPrivateFile(file, secretKeyFileText(secret, purpose))) return secret;
  const other = await readSecretKey(file, purpose);
  if (!other) throw new KeyFileError('missing', `${file} was removed while it was made.`);
  return other;
}

export function secretKeyFileText(secret: Uint8Array, purpose: SecretPurpose): string {
  const content = { type: 'watershed/secret-key', purpose, secret: Buffer.from(secret).toString('base64url') };
  return `${JSON.stringify(content, null, 2)}\n`;
}

/** What a key file of any kind says, if it is whole and for this purpose. */
function keyFileFor<Schema extends z.ZodType<{ purpose: string }>>(
  file: string,
  text: string,
  schema: Schema,
  purpose: string,
): z.output<Schema> {
  const content = parseJson(text);
  const named = namedPurpose.safeParse(content);
  if (!named.success) throw new KeyFileError('corrupt', `${file} is not a key file, or it is damaged.`);
  if (named.data.purpose !== purpose) {
    throw new KeyFileError(
      'purpose',
      `${file} holds a key for "${named.data.purpose}", where one for "${purpose}" is needed.`,
    );
  }
  const parsed = schema.safeParse(content);
  if (!parsed.success) throw new KeyFileError('corrupt', `${file} is not a key file, or it is damaged.`);
  return parsed.data;
}

const namedPurpose = z.object({
  type: z.enum(['watershed/key', 'watershed/secret-key']),
  purpose: z.enum([...keyPurposes, ...secretPurposes]),
});

/** Text of a file that only its owner may read; undefined where there is none. */
export async function readPrivateFile(file: string): Promise<string | undefined> {
  const handle = await open(file, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (!handle) return undefined;
  try {
    const { mode } = await handle.stat();
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      const found = (mode & 0o777).toString(8);
      throw new KeyFileError('mode', `${file} may be read by others (mode ${found}). Make it yours alone: chmod 600.`);
    }
    return await handle.readFile('utf8');
  } finally {
    await handle.close();
  }
}

/** Writes a file of mode 0600 that never existed before; false where it does by now. Durable when it answers. */
export async function createPrivateFile(file: string, text: string): Promise<boolean> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await removeAbandoned(file);
  const temporary = await writeTemporary(file, text);
  try {
    await link(temporary, file); // unlike rename, refuses to replace what another process has just made
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await unlink(temporary);
  }
  await syncDirectory(dirname(file));
  return true;
}

/** Writes or replaces a file of mode 0600: readers see the old text or the new one, whole. Durable when it answers. */
export async function replacePrivateFile(file: string, text: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await removeAbandoned(file);
  const temporary = await writeTemporary(file, text);
  await rename(temporary, file);
  await syncDirectory(dirname(file));
}

async function writeTemporary(file: string, text: string): Promise<string> {
  const temporary = `${file}.tmp-${randomBytes(8).toString('hex')}`;
  const handle = await open(temporary, 'wx', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  return temporary;
}

const abandonedAfterMs = 60_000;

/** A process killed between write and rename leaves a secret in a file that nothing else would ever remove. */
async function removeAbandoned(file: string): Promise<void> {
  const directory = dirname(file);
  for (const name of await readdir(directory)) {
    if (!name.startsWith(`${basename(file)}.tmp-`)) continue;
    const path = join(directory, name);
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Number.POSITIVE_INFINITY })); // gone already
    if (Date.now() - mtimeMs > abandonedAfterMs) await unlink(path).catch(ignoreMissing);
  }
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // refused as corrupt by the caller
  }
}
