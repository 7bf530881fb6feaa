import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { uuidv7 } from 'uuidv7';

/** An API key as it is given out, once, and what is kept of it. */
export interface MintedKey {
  readonly keyId: string;
  /** `wsk_<keyId>_<256 random bits, base64url>`. Shown once; never stored. */
  readonly secret: string;
  /** SHA-256 of `secret`. The secret has 256 random bits, so a slow hash would protect nothing. */
  readonly hash: Uint8Array<ArrayBuffer>;
}

const shape = /^wsk_([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})_[A-Za-z0-9_-]{43}$/;

export function sha256(text: string | Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(createHash('sha256').update(text).digest());
}

export function mintKey(keyId: string = uuidv7()): MintedKey {
  const secret = `wsk_${keyId}_${randomBytes(32).toString('base64url')}`;
  return { keyId, secret, hash: sha256(secret) };
}

/** The key id inside a presented key; undefined when it does not even look like one. */
export function keyIdOf(presented: string): string | undefined {
  return shape.exec(presented)?.[1];
}

/** Whether `presented` is the key that `hash` was kept of, in time that does not depend on where they differ. */
export function matchesHash(presented: string, hash: Uint8Array): boolean {
  return timingSafeEqual(sha256(presented), hash);
}

/** A one-use code, to get an account back or to sign up by invitation: 200 random bits in groups that can be written down. */
export function mintCode(): { code: string; hash: Uint8Array<ArrayBuffer> } {
  const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';
  const symbols = [...randomBytes(40)].map((byte) => alphabet[byte & 31]).join('');
  const code = symbols.replace(/(.{5})(?=.)/g, '$1-');
  return { code, hash: hashOfCode(code) };
}

/** Of a code as someone typed it: case and blanks around it do not matter. */
export function hashOfCode(code: string): Uint8Array<ArrayBuffer> {
  return sha256(code.trim().toLowerCase());
}
