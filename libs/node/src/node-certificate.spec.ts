import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import type { NodeEntry } from '#contracts';
import { certificateAt, certificateEndGauge, nodeCertificate } from './node-certificate.js';

describe('the certificate of a node', () => {
  let dataDir: string;
  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'watershed-node-certificate-'));
  });
  afterEach(() => rmSync(dataDir, { recursive: true }));

  it('is made once, for its owner alone, and shown again after a restart', async () => {
    const [made, again] = await Promise.all([nodeCertificate(dataDir, 'runner'), nodeCertificate(dataDir, 'runner')]);
    expect(again.fingerprint).toBe(made.fingerprint);
    expect((await nodeCertificate(dataDir, 'other')).fingerprint).not.toBe(made.fingerprint);
    expect(readdirSync(join(dataDir, 'nodes')).sort()).toEqual(['other.tls.pem', 'runner.tls.pem']);
    expect(statSync(join(dataDir, 'nodes', 'runner.tls.pem')).mode & 0o777).toBe(0o600);
  });

  it('is refused in one line when it is damaged or over', async () => {
    await nodeCertificate(dataDir, 'runner', Date.now() - 4_000 * 86_400_000).then(
      () => expect('shown').toBe('refused'),
      (error: Error) => expect(error.message).toMatch(/which is over/),
    );
    writeFileSync(join(dataDir, 'nodes', 'runner.tls.pem'), 'x');
    await expect(nodeCertificate(dataDir, 'runner')).rejects.toMatchObject({ code: 'certificate_unusable' });
  });
});

it('has no end where none is shown: 0 would have been in 1970', async () => {
  const registry = new Registry();
  const gauge = certificateEndGauge(registry);
  const values = async () => (await gauge.get()).values.map(({ value }) => value);
  expect(await values()).toEqual([]);
  gauge.set(1_800_000_000);
  expect(await values()).toEqual([1_800_000_000]);
  expect(await registry.metrics()).toContain('watershed_certificate_expiry_timestamp_seconds 1800000000');
});

describe('the certificate that must be shown at an address', () => {
  const origin = 'https://10.0.0.7:4105';
  const [one, other] = ['1'.repeat(64), '2'.repeat(64)];
  const node = (tlsFingerprint: string | undefined, health: NodeEntry['health'] = 'alive', url = origin): NodeEntry =>
    ({ health, manifest: { url: `${url}/`, tlsFingerprint } }) as NodeEntry;

  it.each([
    ['is the one that the node there names', [node(one), node(other, 'alive', 'https://10.0.0.7:4106')], one],
    ['is that of a node that is suspected', [node(one, 'suspect')], one],
    ['is no expelled node’s', [node(one, 'expelled')], undefined],
    ['is no dead node’s', [node(one, 'dead'), node(other)], other],
    ['is none where two nodes claim the place', [node(one), node(other)], undefined],
    ['is none where one of them names none', [node(one), node(undefined)], undefined],
    ['is none where no node is', [node(one, 'alive', 'https://10.0.0.8:4105')], undefined],
  ])('%s', (_, nodes, expected) => {
    expect(certificateAt(nodes, origin)).toBe(expected);
  });
});
