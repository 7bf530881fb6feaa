import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';

/** The JCS (RFC 8785) form of a JSON value in UTF-8. Throws a TypeError on what JSON cannot hold. */
export function canonicalBytes(value: unknown): Uint8Array {
  const text = canonicalize(value);
  if (text === undefined) throw new TypeError('this value has no JSON form');
  return Buffer.from(text, 'utf8');
}

/** SHA-256 of the JCS form, lower-case hex. */
export function digestOf(value: unknown): string {
  return createHash('sha256').update(canonicalBytes(value)).digest('hex');
}

export function toBase64Url(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64url');
}

/**
 * Decodes base64url without padding, or answers undefined. Node skips what it does not know and ignores stray bits, so
 * that many texts would stand for one signature; only the one canonical text is taken.
 */
export function fromBase64Url(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, 'base64url');
  return bytes.toString('base64url') === text ? bytes : undefined;
}
