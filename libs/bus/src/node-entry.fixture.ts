import type { NodeEntry, ServiceName } from '#contracts';

/** A healthy node of one service, as the index would show it; its signatures are nobody's. For tests. */
export function entryOf(nodeId: string, service: ServiceName, clusterId: string): NodeEntry {
  const now = new Date().toISOString();
  return {
    nodeId,
    health: 'alive',
    membership: 'admitted',
    models: [],
    joinedAt: now,
    lastSeenAt: now,
    manifest: {
      type: 'watershed/node-manifest',
      nodeId,
      clusterId,
      region: 'EU/FR',
      types: ['core'],
      services: [service],
      key: { kty: 'OKP', crv: 'Ed25519', x: 'x'.repeat(43) },
      purposeKeys: [],
      operatorId: 'o'.repeat(43),
      capabilities: {},
      issuedAt: now,
      signatures: [{ protected: 'p', signature: 's' }],
    },
  };
}
