import { createHmac, hkdfSync } from 'node:crypto';

/**
 * Tells whether two things are the same without keeping either: HMAC-SHA256 under a key derived (HKDF, RFC 5869) from the
 * KEK, which lies in a file outside the database. A plain hash of something short could be guessed from a dump; this one
 * cannot. The key has this one purpose, and `context` keeps uses apart.
 */
export class ContentBlind {
  private readonly key: Uint8Array;

  constructor(kek: Uint8Array) {
    this.key = new Uint8Array(hkdfSync('sha256', kek, new Uint8Array(), 'watershed/gateway/content-blind', 32));
  }

  /** 32 bytes. */
  blind(context: string, content: string | Uint8Array): Uint8Array<ArrayBuffer> {
    return new Uint8Array(createHmac('sha256', this.key).update(`${context}\0`).update(content).digest());
  }
}
