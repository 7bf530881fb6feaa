import type { NodeEntry, NodeManifest } from '#contracts';
import type { IndexPort } from '#node';

/** An index in memory, shared by the nodes of a test: for suites that start one app and speak to it as another would. */
export class MemoryIndex implements IndexPort {
  readonly #entries = new Map<string, NodeEntry>();
  readonly #nudges: (() => void)[] = [];
  #n = 0;

  async join(manifest: NodeManifest) {
    const now = new Date().toISOString();
    this.#entries.set(manifest.nodeId, {
      nodeId: manifest.nodeId,
      manifest,
      health: 'alive',
      membership: 'admitted',
      models: [],
      joinedAt: now,
      lastSeenAt: now,
    });
    this.#n += 1;
    for (const nudge of this.#nudges) nudge();
    return { revision: this.#revision(), heartbeatIntervalMs: 1_000, suspectAfterMs: 5_000 };
  }

  async changes() {
    return { revision: this.#revision(), snapshot: true, nodes: [...this.#entries.values()] };
  }

  async leave(): Promise<void> {}

  onChange(nudge: () => void): void {
    this.#nudges.push(nudge);
  }

  #revision() {
    return { epoch: 'memory', n: this.#n };
  }
}
