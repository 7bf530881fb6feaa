import { X509Certificate } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type Server, type TLSSocket } from 'node:tls';
import { CertificateError, fingerprintOf, selfSignedCertificate, serverCertificate } from './index.js';

const year = 365 * 86_400_000;
const made = (hosts: readonly string[], notBefore = Date.now() - 60_000, notAfter = Date.now() + year) =>
  selfSignedCertificate({ name: 'a node’s', hosts, notBefore: new Date(notBefore), notAfter: new Date(notAfter) });

describe('a certificate that a node makes', () => {
  it('says whose it is, where it is shown and how long, and is signed by its own key', () => {
    const notBefore = Date.UTC(2026, 10, 21, 9, 30, 5);
    const certificate = new X509Certificate(
      made(['node.example', '10.0.0.7', 'fd00::1:7'], notBefore, notBefore + year).cert,
    );
    expect(certificate.subject).toBe('CN=a node’s');
    expect(certificate.subjectAltName).toBe('DNS:node.example, IP Address:10.0.0.7, IP Address:FD00:0:0:0:0:0:1:7');
    expect([certificate.validFrom, certificate.validTo]).toEqual([
      'Nov 21 09:30:05 2026 GMT',
      'Nov 21 09:30:05 2027 GMT',
    ]);
    expect([certificate.ca, certificate.verify(certificate.publicKey)]).toEqual([false, true]);
    expect(certificate.checkHost('node.example')).toBe('node.example');
    expect(certificate.checkIP('fd00::1:7')).toBe('fd00::1:7');
  });

  it('may outlive the two digits of a year', () => {
    const { cert } = made([], Date.UTC(2026, 0, 1), Date.UTC(2061, 5, 1));
    expect(new X509Certificate(cert).validTo).toBe('Jun  1 00:00:00 2061 GMT');
  });

  it('is another one each time, with a positive serial number', () => {
    const serials = Array.from({ length: 40 }, () => new X509Certificate(made([]).cert).serialNumber);
    expect(new Set(serials).size).toBe(40);
    for (const serial of serials) expect(serial).toMatch(/^[4-7][0-9A-F]{31}$/);
  });

  it('carries a TLS connection to whoever trusts it and to nobody else', async () => {
    const pair = made(['localhost']);
    const server: Server = createServer(pair, (socket) => socket.end('hello'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const read = (ca: string) =>
      new Promise<string>((resolve, reject) => {
        const socket: TLSSocket = connect({ port, host: '127.0.0.1', servername: 'localhost', ca });
        socket.once('error', reject);
        socket.once('data', (data) => resolve(String(data)));
      });
    try {
      await expect(read(pair.cert)).resolves.toBe('hello');
      await expect(read(made(['localhost']).cert)).rejects.toThrow(/self-signed|unable to verify/);
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  });
});

describe('a certificate that a server is given', () => {
  it('is known by the SHA-256 of its bytes', () => {
    const pair = made([]);
    const { fingerprint } = serverCertificate(pair);
    expect(fingerprint).toMatch(/^[0-9a-f]{64}$/);
    expect(fingerprint).toBe(fingerprintOf(new X509Certificate(pair.cert)));
  });

  it.each([
    ['another key', () => serverCertificate({ ...made([]), key: made([]).key }), /key of another/],
    ['no certificate', () => serverCertificate({ ...made([]), cert: 'x' }), /as PEM/],
    ['one that expired', () => serverCertificate(made([], Date.now() - year, Date.now() - 1_000)), /which is over/],
    ['one of the future', () => serverCertificate(made([], Date.now() + 60_000)), /not good before/],
  ])('is refused with %s', (_, read, problem) => {
    expect(read).toThrow(CertificateError);
    expect(read).toThrow(problem);
  });
});
