import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';
import type { KeyPurpose, PublicJwk } from '#contracts';
import { canonicalBytes } from './canonical.js';

/** An Ed25519 private key as a JWK (RFC 8037). */
export interface PrivateJwk extends PublicJwk {
  readonly d: string;
}

/** An Ed25519 key pair that signs for one purpose. */
export interface Sigil {
  readonly purpose: KeyPurpose;
  /** RFC 7638 thumbprint of the public key: its key id. */
  readonly thumbprint: string;
  readonly publicJwk: PublicJwk;
  /** 64 bytes (RFC 8032). */
  sign(bytes: Uint8Array): Promise<Uint8Array>;
  /** The secret itself; only key files and their tests need it. */
  exportPrivateJwk(): PrivateJwk;
}

/** RFC 7638 thumbprint (SHA-256, base64url) of an OKP key: only its required members count. */
export function thumbprintOf(jwk: PublicJwk): string {
  const required = { crv: jwk.crv, kty: jwk.kty, x: jwk.x };
  return createHash('sha256').update(canonicalBytes(required)).digest('base64url');
}

class Ed25519Sigil implements Sigil {
  readonly purpose: KeyPurpose;
  readonly thumbprint: string;
  readonly publicJwk: PublicJwk;
  readonly #key: KeyObject;

  constructor(purpose: KeyPurpose, key: KeyObject) {
    const jwk = createPublicKey(key).export({ format: 'jwk' });
    if (jwk.kty !== 'OKP' || jwk.crv !== 'Ed25519' || typeof jwk.x !== 'string') {
      throw new TypeError('a sigil is an Ed25519 key');
    }
    this.purpose = purpose;
    this.#key = key;
    this.publicJwk = { kty: 'OKP', crv: 'Ed25519', x: jwk.x };
    this.thumbprint = thumbprintOf(this.publicJwk);
  }

  async sign(bytes: Uint8Array): Promise<Uint8Array> {
    return sign(null, bytes, this.#key);
  }

  exportPrivateJwk(): PrivateJwk {
    const { d } = this.#key.export({ format: 'jwk' });
    if (typeof d !== 'string') throw new TypeError('this key has no private part');
    return { ...this.publicJwk, d };
  }

  /** Keeps the secret out of logs that print the object. */
  toJSON(): object {
    return { purpose: this.purpose, thumbprint: this.thumbprint };
  }
}

export async function generateSigil(purpose: KeyPurpose): Promise<Sigil> {
  return new Ed25519Sigil(purpose, generateKeyPairSync('ed25519').privateKey);
}

/** Throws a TypeError where the private part does not belong to the public one. */
export function sigilFromPrivateJwk(purpose: KeyPurpose, jwk: PrivateJwk): Sigil {
  const key = createPrivateKey({ key: { kty: jwk.kty, crv: jwk.crv, x: jwk.x, d: jwk.d }, format: 'jwk' });
  const sigil = new Ed25519Sigil(purpose, key);
  if (sigil.publicJwk.x !== jwk.x) throw new TypeError('the private key does not belong to this public key');
  return sigil;
}

/** Whether `signature` is this Ed25519 key's over `bytes`; false for any other kind of key. */
export function verifySignature(key: PublicJwk, bytes: Uint8Array, signature: Uint8Array): boolean {
  if (key.crv !== 'Ed25519' || signature.byteLength !== 64) return false;
  try {
    return verify(
      null,
      bytes,
      createPublicKey({ key: { kty: key.kty, crv: key.crv, x: key.x }, format: 'jwk' }),
      signature,
    );
  } catch {
    return false; // not a point on the curve: no key, so no signature of it
  }
}
