import { takesContent } from '#access';
import type { NodeHealth, NodeId, NodeManifest } from '#contracts';
import { nodeAddressTaken } from './index.errors.js';

/** A node that the index remembers, as far as its address goes. */
export interface Holding {
  readonly nodeId: NodeId;
  readonly health: NodeHealth;
  readonly manifest: Pick<NodeManifest, 'operatorId' | 'services' | 'url'>;
}

/**
 * Refuses a claim to an address that another node holds. Two nodes at one address cut each other off:
 * whoever brings content believes neither's certificate. So it is the first one's alone while that one is there, and its
 * operator's for as long as it may come back: another's node could otherwise take it while the first is started again. Throws `node_address_taken`.
 */
export function refuseTaken(claimant: NodeManifest, others: Iterable<Holding>): void {
  if (claimant.url === undefined || !takesContent(claimant)) return;
  const { origin } = new URL(claimant.url);
  for (const { nodeId, health, manifest } of others) {
    if (nodeId === claimant.nodeId || manifest.url === undefined) continue;
    const holds = manifest.operatorId === claimant.operatorId ? isThere(health) : mayComeBack(health);
    if (holds && new URL(manifest.url).origin === origin) throw nodeAddressTaken(nodeId);
  }
}

const isThere = (health: NodeHealth): boolean => health === 'alive' || health === 'suspect';
const mayComeBack = (health: NodeHealth): boolean => health !== 'left' && health !== 'expelled';
