import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { CertificatePair } from './self-signed.js';

/** What a server shows, and by what others know it. */
export interface ServerCertificate extends CertificatePair {
  /** SHA-256 of the certificate (DER) in hexadecimal, as `openssl x509 -fingerprint -sha256` without its colons. */
  readonly fingerprint: string;
  /** After it nobody believes it any more. */
  readonly validUntil: Date;
}

/** A certificate that must not be used: what is wrong with it, for the operator of this machine. */
export class CertificateError extends Error {
  override readonly name = 'CertificateError';
  readonly code = 'certificate_unusable';
}

export const fingerprintOf = (certificate: X509Certificate): string =>
  certificate.fingerprint256.replaceAll(':', '').toLowerCase();

/** The first certificate of `pair` with its key, where it may be shown at `now`. Throws CertificateError. */
export function serverCertificate(pair: CertificatePair, now = new Date()): ServerCertificate {
  let certificate: X509Certificate;
  let fits: boolean;
  try {
    certificate = new X509Certificate(pair.cert);
    fits = certificate.checkPrivateKey(createPrivateKey(pair.key));
  } catch (cause) {
    throw new CertificateError('must hold a certificate and its private key as PEM', { cause });
  }
  if (!fits) throw new CertificateError('hold a certificate and the key of another');
  const problem = outsideItsTime(certificate, now);
  if (problem) throw new CertificateError(`hold a certificate that is ${problem}`);
  return { ...pair, fingerprint: fingerprintOf(certificate), validUntil: new Date(certificate.validTo) };
}

/** What is wrong with a certificate's time at `now`; undefined where it is good. */
export function outsideItsTime(certificate: X509Certificate, now: Date): string | undefined {
  if (now < new Date(certificate.validFrom)) return `not good before ${certificate.validFrom}`;
  if (now > new Date(certificate.validTo)) return `good until ${certificate.validTo}, which is over`;
  return undefined;
}

/** A server's certificate out of two PEM files, which may be one. Throws CertificateError. */
export function readCertificate(certFile: string, keyFile: string): ServerCertificate {
  let pair: CertificatePair;
  try {
    pair = { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') };
  } catch (cause) {
    throw new CertificateError('name files that cannot be read', { cause });
  }
  return serverCertificate(pair);
}
