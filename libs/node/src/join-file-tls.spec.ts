import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { type ServerCertificate, selfSignedCertificate, serverCertificate } from '#tls';
import { joinFileFor } from './join-file.fixture.js';
import { joinCluster } from './join-file.js';

const hourMs = 3_600_000;
const certificate = (endsInMs = hourMs): ServerCertificate => {
  const [notBefore, notAfter] = [new Date(Date.now() - 2 * hourMs), new Date(Date.now() + endsInMs)];
  const made = selfSignedCertificate({ name: 'gateway', hosts: ['127.0.0.1'], notBefore, notAfter });
  return serverCertificate(made, new Date(Date.now() - 1.5 * hourMs));
};

describe('joining over TLS', () => {
  let dataDir: string;
  let gateway: Server;
  let tickets: string[];

  /** A gateway that shows this certificate and lets everybody in. */
  async function shows({ cert, key }: ServerCertificate): Promise<string> {
    gateway = createServer({ cert, key }, async (request, response) => {
      const { ticket, manifest } = JSON.parse(await text(request)) as {
        ticket: string;
        manifest: { clusterId: string };
      };
      tickets.push(ticket);
      const redisUrl = 'rediss://10.0.0.1:6380';
      response.writeHead(201, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ clusterId: manifest.clusterId, redisUrl, authority: 'who vouches for Redis' }));
    });
    await new Promise<void>((resolve) => gateway.listen(0, '127.0.0.1', resolve));
    return `https://127.0.0.1:${(gateway.address() as AddressInfo).port}`;
  }

  const joined = async (where: Parameters<typeof joinFileFor>[1], declared?: Parameters<typeof joinFileFor>[2]) =>
    joinCluster({ file: await joinFileFor(dataDir, where, declared), dataDir, name: 'runner' });

  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'watershed-join-tls-'));
    tickets = [];
  });
  afterEach(async () => {
    gateway?.closeAllConnections();
    await new Promise((resolve) => gateway.close(resolve));
    rmSync(dataDir, { recursive: true });
  });

  it('gives the ticket to the certificate that the file names, and keeps who vouches for Redis', async () => {
    const own = certificate();
    const place = { gatewayUrl: await shows(own), gatewayFingerprint: own.fingerprint };
    const declared = { url: 'https://10.0.0.7:4105', tlsFingerprint: own.fingerprint };
    const settings = await joined(place, declared);
    expect(tickets).toEqual(['T'.repeat(43)]);
    expect(readFileSync(settings.WATERSHED_CA_FILE ?? '', 'utf8')).toBe('who vouches for Redis');
    expect(settings.WATERSHED_REDIS_URL).toMatch(/^rediss:\/\/.+@10\.0\.0\.1:6380$/);
    // It is reached from outside, whatever this machine calls itself.
    expect(settings).toMatchObject({
      RUNNER_PUBLIC_URL: 'https://10.0.0.7:4105',
      RUNNER_PORT: '4105',
      RUNNER_HOST: '0.0.0.0',
    });
  });

  it.each([
    ['another certificate', certificate, () => certificate().fingerprint],
    ['the one named, which has expired', () => certificate(-hourMs), (shown: ServerCertificate) => shown.fingerprint],
    ['one for which no authority vouches, where none is named', certificate, () => undefined],
  ])('keeps the ticket from a gateway that shows %s', async (_, show, named) => {
    const shown = show();
    const gatewayUrl = await shows(shown);
    const gatewayFingerprint = named(shown);
    const place = { gatewayUrl, ...(gatewayFingerprint ? { gatewayFingerprint } : {}) };
    await expect(joined(place)).rejects.toMatchObject({
      code: 'connection_untrusted',
      message: expect.stringContaining('the ticket was not sent'),
    });
    expect(tickets).toEqual([]);
    expect(existsSync(join(dataDir, 'nodes', 'runner.login.json'))).toBe(false);
  });

  it('sends no ticket in plain text off this machine', async () => {
    await shows(certificate());
    for (const gatewayUrl of ['http://10.0.0.1:4100', 'http://gateway.example', 'http://[fd00::1]:4100']) {
      await expect(joined({ gatewayUrl })).rejects.toMatchObject({
        code: 'connection_untrusted',
        message: expect.stringContaining('plain text'),
      });
    }
  });
});
