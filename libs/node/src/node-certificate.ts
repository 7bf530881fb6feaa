import { join } from 'node:path';
import { Gauge, type Registry } from 'prom-client';
import type { NodeEntry } from '#contracts';
import { createPrivateFile } from '#sigil';
import type { ServerCertificate } from '#tls';

const dayMs = 86_400_000;
/** Who calls a node knows it by its fingerprint, which changes with every new one: it lasts as long as the node's key. */
const lifetimeMs = 3_650 * dayMs;

/**
 * The certificate that a node of this data folder shows where it takes content, in one PEM file with its key beside the
 * node's own: made where there is none, or what its operator put there. Throws CertificateError.
 */
export async function nodeCertificate(dataDir: string, name: string, now = Date.now()): Promise<ServerCertificate> {
  // Loaded where content is taken over TLS: most processes need none of it.
  const { readCertificate, selfSignedCertificate } = await import('#tls');
  const file = join(dataDir, 'nodes', `${name}.tls.pem`);
  const made = selfSignedCertificate({
    name: `watershed node ${name}`,
    // Clocks of other machines may be behind this one's.
    notBefore: new Date(now - dayMs),
    notAfter: new Date(now + lifetimeMs),
  });
  await createPrivateFile(file, `${made.cert}${made.key}`);
  return readCertificate(file, file);
}

/**
 * The fingerprint of the certificate that must be shown at `origin`, as the manifests of this cluster's nodes name it;
 * undefined where none names one. Also where two that are there name different ones for the same place: one of them would
 * take the other's content.
 */
export function certificateAt(nodes: readonly NodeEntry[], origin: string): string | undefined {
  const named = nodes
    .filter(({ health, manifest }) => isThere(health) && manifest.url && new URL(manifest.url).origin === origin)
    .map(({ manifest }) => manifest.tlsFingerprint);
  return new Set(named).size === 1 ? named[0] : undefined;
}

const isThere = (health: NodeEntry['health']): boolean => health === 'alive' || health === 'suspect';

/** When the certificate ends that a node shows since it joined; without a value where it shows none. */
export function certificateEndGauge(registry: Registry): Gauge {
  const gauge = new Gauge({
    name: 'watershed_certificate_expiry_timestamp_seconds',
    help: 'When the certificate ends that this service shows where it speaks TLS itself (Unix time)',
    registers: [registry],
  });
  // Not the 0 that a gauge begins with: that would have ended in 1970.
  gauge.remove();
  return gauge;
}
