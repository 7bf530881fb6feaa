import type { NodeEntry, NodeHealth, NodeManifest } from '#contracts';
import { WatershedError } from '#errors';
import type { IndexPort } from '#node';

/** An index in memory, for suites that start one app and speak to it as the rest of the cluster would. */
export class MemoryIndex {
  readonly #entries = new Map<string, NodeEntry>();
  readonly #nudges = new Set<() => void>();
  #away = false;
  #n = 0;
  /** Joins that were refused while it was away. */
  refusals = 0;
  /** What it asks of the nodes that join from now on. */
  heartbeatIntervalMs: number;
  readonly suspectAfterMs: number;

  constructor({ heartbeatIntervalMs = 100, suspectAfterMs = 5_000 } = {}) {
    this.heartbeatIntervalMs = heartbeatIntervalMs;
    this.suspectAfterMs = suspectAfterMs;
  }

  /** For one node: an index knows who speaks to it. */
  port(): IndexPort {
    let nodeId = '';
    return {
      join: async (manifest) => {
        if (this.#away) {
          this.refusals += 1;
          throw new WatershedError('no_node_available', 'No index answers in this cluster yet.');
        }
        nodeId = manifest.nodeId;
        this.#put(manifest, 'alive');
        const { heartbeatIntervalMs, suspectAfterMs } = this;
        return { revision: this.#revision(), heartbeatIntervalMs, suspectAfterMs };
      },
      changes: async () => ({ revision: this.#revision(), snapshot: true, nodes: [...this.#entries.values()] }),
      leave: async (health) => this.declare(nodeId, health),
      onChange: (nudge) => this.#nudges.add(nudge),
    };
  }

  of(nodeId: string): NodeEntry | undefined {
    return this.#entries.get(nodeId);
  }

  /** As the index does when a node has been silent for long. */
  declare(nodeId: string, health: NodeHealth): void {
    const entry = this.#entries.get(nodeId);
    if (entry) this.#put(entry.manifest, health);
  }

  /** From now on it knows nothing of this node and takes no join, until it has come back. */
  forget(nodeId: string): void {
    this.#away = true;
    this.#entries.delete(nodeId);
    this.#nudge();
  }

  comeBack(): void {
    this.#away = false;
  }

  #put(manifest: NodeManifest, health: NodeHealth): void {
    const now = new Date().toISOString();
    const { nodeId } = manifest;
    const times = { joinedAt: now, lastSeenAt: now };
    this.#entries.set(nodeId, { nodeId, manifest, health, membership: 'admitted', models: [], ...times });
    this.#nudge();
  }

  #nudge(): void {
    this.#n += 1;
    for (const nudge of this.#nudges) nudge();
  }

  #revision() {
    return { epoch: 'memory', n: this.#n };
  }
}
