import { createHmac, hkdfSync } from 'node:crypto';

/**
 * Tells whether two things are the same without keeping either: HMAC-SHA256 under a key that the database keeps wrapped by
 * the KEK, which lies in a file outside of it. A plain hash of something short could be guessed from a dump; this one
 * cannot. The key has this one purpose, and `context` keeps uses apart.
 */
export class ContentBlind {
  constructor(private readonly key: Uint8Array) {}

  /** 32 bytes. */
  blind(context: string, content: string | Uint8Array): Uint8Array<ArrayBuffer> {
    return new Uint8Array(createHmac('sha256', this.key).update(`${context}\0`).update(content).digest());
  }
}

/**
 * The key that a database gets which has none: derived (HKDF, RFC 5869) from its first KEK, as it always was, so that what
 * was blinded before the key was kept is still found.
 */
export const firstBlindKey = (kek: Uint8Array): Uint8Array =>
  new Uint8Array(hkdfSync('sha256', kek, new Uint8Array(), 'watershed/gateway/content-blind', 32));
