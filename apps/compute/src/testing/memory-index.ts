import type { NodeEntry, NodeHealth, NodeManifest } from '#contracts';
import type { IndexPort } from '#node';

/** An index in memory, for tests that start apps and speak to them as the rest of the cluster would. */
export class MemoryIndex {
  private readonly entries = new Map<string, NodeEntry>();
  private readonly nudges = new Set<() => void>();
  private n = 0;

  /** For one node: an index knows who speaks to it. */
  port(): IndexPort {
    let nodeId = '';
    return {
      join: async (manifest) => {
        nodeId = manifest.nodeId;
        this.put(manifest, 'alive');
        return { revision: this.revision(), heartbeatIntervalMs: 100, suspectAfterMs: 5_000 };
      },
      changes: async () => ({ revision: this.revision(), snapshot: true, nodes: [...this.entries.values()] }),
      leave: async (health) => {
        const entry = this.entries.get(nodeId);
        if (entry) this.put(entry.manifest, health);
      },
      onChange: (nudge) => this.nudges.add(nudge),
    };
  }

  /** As the index does when a node has been silent for long. */
  declare(nodeId: string, health: NodeHealth): void {
    const entry = this.entries.get(nodeId);
    if (entry) this.put(entry.manifest, health);
  }

  private put(manifest: NodeManifest, health: NodeHealth): void {
    const now = new Date().toISOString();
    const { nodeId } = manifest;
    const entry = {
      nodeId,
      manifest,
      health,
      membership: 'admitted' as const,
      models: [],
      joinedAt: now,
      lastSeenAt: now,
    };
    this.entries.set(nodeId, entry);
    this.n += 1;
    for (const nudge of this.nudges) nudge();
  }

  private revision() {
    return { epoch: 'memory', n: this.n };
  }
}
