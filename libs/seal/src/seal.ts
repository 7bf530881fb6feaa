import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

export const sealKeyBytes = 32;
const ivBytes = 12;
const tagBytes = 16;

/**
 * AES-256-GCM (NIST SP 800-38D): iv, tag, ciphertext. `context` is authenticated: what was sealed for one place opens in
 * no other. The iv is random, so one key seals at most 2^32 times.
 */
export function sealBytes(key: Uint8Array, plain: Uint8Array, context: string): Uint8Array<ArrayBuffer> {
  const iv = randomBytes(ivBytes);
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(context));
  const sealed = Buffer.concat([cipher.update(plain), cipher.final()]);
  return new Uint8Array(Buffer.concat([iv, cipher.getAuthTag(), sealed]));
}

/** Throws where the key, the context or any byte is another. */
export function openBytes(key: Uint8Array, sealed: Uint8Array, context: string): Buffer {
  if (sealed.byteLength < ivBytes + tagBytes) throw new Error('these bytes were not sealed');
  const iv = sealed.subarray(0, ivBytes);
  const decipher = createDecipheriv('aes-256-gcm', key, iv, { authTagLength: tagBytes })
    .setAAD(Buffer.from(context))
    .setAuthTag(sealed.subarray(ivBytes, ivBytes + tagBytes));
  return Buffer.concat([decipher.update(sealed.subarray(ivBytes + tagBytes)), decipher.final()]);
}
