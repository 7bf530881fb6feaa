import type { NodeHealth, NodeId } from '#contracts';
import type { Hearing } from './hearing.js';
import type { IndexResources, StoredNode } from './index.ports.js';
import { isWatched } from './node.states.js';

/**
 * Judges nodes by their silence: `alive` → `suspect` → `dead`, and back to `alive` from `suspect` by one heartbeat.
 * What this instance has no word of is suspect, never healthy; but nobody is declared dead by an instance that has not
 * itself been listening for that long, so that an index that was cut off or asleep buries nobody for it.
 */
export class HealthSystem {
  private listeningSince: number;

  constructor(
    private readonly resources: IndexResources,
    private readonly hearing: Hearing,
  ) {
    this.listeningSince = resources.now();
  }

  /** This instance could not hear anyone until now: it was stalled, or cut off from Redis. */
  wasDeaf(): void {
    this.listeningSince = this.resources.now();
  }

  /**
   * A row that says when the node was heard is word of it too, where that is lately: another instance has just taken it
   * in. Beyond that the clocks of two instances are not trusted to agree.
   */
  learnFromRows(nodes: readonly StoredNode[]): void {
    const now = this.resources.wallClock().getTime();
    const ages = new Map<NodeId, number>();
    for (const node of nodes) {
      const ageMs = now - node.lastSeenAt.getTime();
      if (node.health === 'alive' && Math.abs(ageMs) < this.resources.settings.suspectAfterMs) {
        ages.set(node.nodeId, Math.max(0, ageMs));
      }
    }
    this.hearing.learn(ages);
  }

  /** What a node's health should be; as it is where nothing speaks against it. */
  judge(nodeId: NodeId, health: NodeHealth): NodeHealth {
    if (!isWatched(health)) return health;
    const { suspectAfterMs, deadAfterMs } = this.resources.settings;
    const silenceMs = this.hearing.silenceMs(nodeId);
    if (silenceMs < suspectAfterMs) return 'alive';
    if (health === 'alive') return 'suspect';
    const listenedMs = this.resources.now() - this.listeningSince;
    return Math.min(silenceMs, listenedMs) >= deadAfterMs ? 'dead' : 'suspect';
  }

  /** Writes what has changed; another instance may be first, then there is nothing to write. */
  async review(nodes: readonly StoredNode[]): Promise<void> {
    for (const node of nodes) await this.reviewOne(node);
  }

  async reviewOne(node: StoredNode): Promise<void> {
    const { store, announcer, log, wallClock } = this.resources;
    const health = this.judge(node.nodeId, node.health);
    if (health === node.health) return;
    const silenceMs = this.hearing.silenceMs(node.nodeId);
    const seenAt = Number.isFinite(silenceMs) ? new Date(wallClock().getTime() - silenceMs) : node.lastSeenAt;
    const revision = await store.move(node.nodeId, node, { health, seenAt });
    if (!revision) return;
    log.info({ node: node.nodeId, from: node.health, to: health }, 'The health of a node changed');
    announcer.changed(revision);
  }
}
