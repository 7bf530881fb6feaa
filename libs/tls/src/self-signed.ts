import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { isIP, isIPv4 } from 'node:net';
import { bits, boolean, integer, octets, oid, sequence, set, tagged, text, time } from './der.js';

export interface SelfSignedOptions {
  /** Whom the certificate is of; a name for people's eyes. */
  readonly name: string;
  /** Host names and addresses that it is shown at. Who pins its fingerprint does not read them. */
  readonly hosts?: readonly string[];
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** As PEM. */
export interface CertificatePair {
  readonly cert: string;
  readonly key: string;
}

const ecdsaWithSha256 = sequence(oid('1.2.840.10045.4.3.2'));
const version3 = tagged(0xa0, integer(Buffer.from([2])));

/**
 * A certificate that its own key signs (RFC 5280), of a fresh P-256 key. Node reads certificates and makes none; the few
 * forms that this one kind needs are written here instead of bringing in a library for all kinds.
 */
export function selfSignedCertificate({ name, hosts = [], notBefore, notAfter }: SelfSignedOptions): CertificatePair {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const issuedTo = sequence(set(sequence(oid('2.5.4.3'), text(name))));
  const body = sequence(
    version3,
    serialNumber(),
    ecdsaWithSha256,
    issuedTo,
    sequence(time(notBefore), time(notAfter)),
    issuedTo,
    publicKey.export({ type: 'spki', format: 'der' }),
    tagged(0xa3, sequence(...extensions(hosts))),
  );
  const certificate = sequence(body, ecdsaWithSha256, bits(sign('sha256', body, privateKey)));
  return { cert: pem('CERTIFICATE', certificate), key: keyPem(privateKey) };
}

/** 16 random bytes that begin with no 0 and are positive. */
function serialNumber(): Buffer {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return integer(bytes);
}

function extensions(hosts: readonly string[]): Buffer[] {
  const isNoAuthority = sequence(oid('2.5.29.19'), boolean(true), octets(sequence()));
  if (hosts.length === 0) return [isNoAuthority];
  return [isNoAuthority, sequence(oid('2.5.29.17'), octets(sequence(...hosts.map(alternativeName))))];
}

function alternativeName(host: string): Buffer {
  if (isIP(host) === 0) return tagged(0x82, Buffer.from(host, 'ascii'));
  return tagged(0x87, isIPv4(host) ? Buffer.from(host.split('.').map(Number)) : ipv6Bytes(host));
}

/** A URL writes an address in its shortest form, whose one gap stands for the zeros that are missing. */
function ipv6Bytes(address: string): Buffer {
  const [head = '', tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::');
  const groups = (part = ''): number[] =>
    part
      .split(':')
      .filter(Boolean)
      .map((group) => Number.parseInt(group, 16));
  const [first, last] = [groups(head), groups(tail)];
  const gap = tail === undefined ? [] : Array.from({ length: 8 - first.length - last.length }, () => 0);
  const bytes = Buffer.alloc(16);
  for (const [at, group] of [...first, ...gap, ...last].entries()) bytes.writeUInt16BE(group, at * 2);
  return bytes;
}

function pem(label: string, der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');
}

const keyPem = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }).toString();
