import type { NodeEntry, NodeHealth, ServiceName } from '#contracts';

/** A node of one service, as the index would show it; its signatures are nobody's. */
export function entryOf(
  nodeId: string,
  service: ServiceName,
  clusterId: string,
  {
    health = 'alive',
    purposeKeys = [],
  }: { health?: NodeHealth; purposeKeys?: NodeEntry['manifest']['purposeKeys'] } = {},
): NodeEntry {
  const now = new Date().toISOString();
  return {
    nodeId,
    health,
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
      purposeKeys,
      operatorId: 'o'.repeat(43),
      capabilities: {},
      issuedAt: now,
      signatures: [{ protected: 'p', signature: 's' }],
    },
  };
}

/** What a bus asks about the other nodes, where there is no index: whoever was added, all healthy. */
export class TestDirectory {
  readonly entries = new Map<string, NodeEntry>();

  constructor(readonly clusterId: string) {}

  add(nodeId: string, service: ServiceName): this {
    this.entries.set(nodeId, entryOf(nodeId, service, this.clusterId));
    return this;
  }

  find(service: ServiceName): NodeEntry[] {
    return [...this.entries.values()].filter((entry) => entry.manifest.services.includes(service));
  }

  get(nodeId: string): NodeEntry | undefined {
    return this.entries.get(nodeId);
  }
}
