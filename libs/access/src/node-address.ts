import type { NodeRanges } from '#config';
import type { NodeManifest, ServiceName } from '#contracts';
import { WatershedError } from '#errors';

/** People and other clusters reach these by names of the wide network; no node brings content to their manifests' addresses. */
const facingOut: ReadonlySet<ServiceName> = new Set(['gateway', 'bridge']);

/** Whether other nodes bring content to where this manifest says. */
export const takesContent = ({ url, services }: Pick<NodeManifest, 'url' | 'services'>): boolean =>
  url !== undefined && services.some((service) => !facingOut.has(service));

/**
 * Refuses a manifest whose node would have the others bring content to where this cluster's operator lets none be. To be
 * asked after the operator's signature held. Throws `node_address_refused`.
 */
export function judgeNodeAddress(
  manifest: Pick<NodeManifest, 'url' | 'services' | 'tlsFingerprint'>,
  ranges: NodeRanges,
  ofFirstOperator: boolean,
): void {
  if (manifest.url === undefined) return;
  const url = new URL(manifest.url);
  if (!/^https?:$/.test(url.protocol)) throw refused('is neither http nor https', 'declare an https address');
  if (url.username || url.password) throw refused('carries a login', 'declare it without one');
  if (!takesContent(manifest)) return;
  if (!ranges.has(url.hostname, ofFirstOperator)) {
    throw refused(
      `(${url.host}) does not lie where this cluster lets nodes take content`,
      'give it an address there, or have the operator list that one in WATERSHED_NODE_RANGES for the index and governance',
    );
  }
  // Who brings content would find no certificate to ask for, or bring it in plain text.
  if (url.protocol === 'https:' && manifest.tlsFingerprint === undefined)
    throw refused('comes without the certificate shown there', 'sign the manifest with its tlsFingerprint');
  if (ranges.network.exposes(manifest.url))
    throw refused(
      'would be reached in plain text',
      'declare an https address, or have the operator name that host in WATERSHED_INTERNAL_NETWORK where nobody else can listen',
    );
}

const refused = (what: string, change: string): WatershedError =>
  new WatershedError('node_address_refused', `The address in the node's manifest ${what}: ${change}.`);
