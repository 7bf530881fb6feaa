import type { Membership, NodeId } from '#contracts';
import type { DecisionRecord } from './decision-record.js';
import type { IndexResources, StoredNode } from './index.ports.js';
import { isAbsence } from './join.system.js';
import { healthUnder } from './node.states.js';

/**
 * Brings the operators' decisions into the table, as counted here: told by broadcast at once that there are new ones, and
 * asked for now and then as a safety net.
 */
export class MembershipSystem {
  constructor(
    private readonly resources: IndexResources,
    private readonly record: DecisionRecord,
  ) {}

  /** Governance says that something was decided on this node: what, the ballots tell. */
  async decidedOn(nodeId: NodeId): Promise<void> {
    await this.record.catchUp();
    const counted = this.record.of(nodeId);
    if (counted) await this.apply(counted);
  }

  /** Newer decisions replace older ones by their epoch; whoever is late changes nothing. */
  private async apply(decision: Membership): Promise<void> {
    const { store, announcer, log } = this.resources;
    // Another instance, or a transition of health, may come between reading and writing: read again.
    for (let attempt = 0; attempt < 5; attempt++) {
      const node = await store.find(decision.nodeId);
      if (!node || node.membershipEpoch >= decision.epoch) return;
      const revision = await store.move(node.nodeId, node, {
        health: healthUnder(decision.state, node.health),
        membership: decision.state,
        membershipEpoch: decision.epoch,
        seenAt: node.lastSeenAt,
      });
      if (!revision) continue;
      log.info({ node: node.nodeId, membership: decision.state, epoch: decision.epoch }, 'A membership changed');
      announcer.changed(revision);
      return;
    }
    log.warn({ node: decision.nodeId }, 'A decision on a node could not be applied yet');
  }

  /** All decisions as they are now; false where governance cannot be asked. */
  async reconcile(): Promise<boolean> {
    try {
      await this.record.catchUp();
      for (const { membership } of this.record.counted.memberships.values()) await this.apply(membership);
      return true;
    } catch (error) {
      if (isAbsence(error)) return false;
      throw error;
    }
  }

  /** Asks about nodes that were taken in while governance was away. */
  async confirm(nodes: readonly StoredNode[]): Promise<void> {
    for (const node of nodes.filter(({ membershipEpoch }) => membershipEpoch === 0)) {
      try {
        await this.resources.governance.admit(node.nodeId, node.manifest.operatorId, node.manifest.services);
        await this.decidedOn(node.nodeId);
      } catch (error) {
        if (isAbsence(error)) return;
        this.resources.log.warn(
          { node: node.nodeId },
          'Governance does not confirm a node that was taken provisionally',
        );
        await this.turnAway(node.nodeId);
      }
    }
  }

  /** Governance refuses a node that it never decided on: it goes as if it had left. */
  private async turnAway(nodeId: NodeId): Promise<void> {
    const { store, announcer } = this.resources;
    const node = await store.find(nodeId);
    if (node?.membershipEpoch !== 0 || node.health === 'left') return;
    const revision = await store.move(nodeId, node, { health: 'left', seenAt: node.lastSeenAt });
    if (revision) announcer.changed(revision);
  }
}
