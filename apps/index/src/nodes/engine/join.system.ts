import { judgeNodeAddress } from '#access';
import type { MembershipState, NodeId, NodeManifest, Revision } from '#contracts';
import { isWatershedError } from '#errors';
import { documentTyp, thumbprintOf, verifyDocument } from '#sigil';
import type { DecisionRecord } from './decision-record.js';
import type { Hearing } from './hearing.js';
import { governanceAway, manifestInvalid, nodeExpelled } from './index.errors.js';
import type { IndexResources } from './index.ports.js';
import type { OperatorKeys } from './operators.js';

/** A manifest may be this much ahead of our clock. */
const CLOCK_SKEW_MS = 60_000;

interface Admission {
  readonly membership: MembershipState;
  /** 0: taken provisionally, governance is asked later. */
  readonly membershipEpoch: number;
}

/**
 * Takes nodes in. A manifest counts when the node's own key and an operator of this cluster signed it and the node that
 * sends it is the one it names; governance then admits the node, and whether it belongs is counted from its log.
 *
 * At the start governance is itself a node that has to join, so there is one exception: while governance cannot be
 * asked, a node whose manifest the genesis operator signed is taken provisionally, unless it is known to be expelled;
 * governance is asked about it as soon as it answers.
 */
export class JoinSystem {
  constructor(
    private readonly resources: IndexResources,
    private readonly hearing: Hearing,
    private readonly operators: OperatorKeys,
    private readonly record: DecisionRecord,
  ) {}

  /** Errors: `manifest_invalid`, `node_address_refused`, `node_address_taken`, `signature_invalid`, `node_expelled`, `no_node_available`, those of the store. */
  async join(from: NodeId, manifest: NodeManifest): Promise<Revision> {
    const { store, wallClock, announcer, log } = this.resources;
    this.checkContent(from, manifest);
    await verifyDocument(manifest, { ...this.signed(), key: manifest.key, purpose: 'node' });
    await this.checkOperator(manifest);
    const known = await store.find(manifest.nodeId);
    const admission = await this.admission(manifest, known?.membership === 'expelled');
    if (admission.membership === 'expelled') throw nodeExpelled();
    const revision = await store.join({ manifest, ...admission, now: wallClock() });
    if (!revision) throw nodeExpelled();
    this.hearing.heard(manifest.nodeId);
    announcer.changed(revision);
    log.info({ node: manifest.nodeId, services: manifest.services }, 'A node joined');
    return revision;
  }

  private signed(): { typ: string; aud: string } {
    return { typ: documentTyp.nodeManifest, aud: this.resources.settings.clusterId };
  }

  private checkContent(from: NodeId, manifest: NodeManifest): void {
    const { clusterId, region } = this.resources.settings;
    if (manifest.nodeId !== from) throw manifestInvalid('it is another node that sends it');
    if (thumbprintOf(manifest.key) !== manifest.nodeId) throw manifestInvalid("its id is not its key's thumbprint");
    if (manifest.clusterId !== clusterId) throw manifestInvalid('it was made for another cluster');
    if (manifest.region !== region && !manifest.region.startsWith(`${region}/`)) {
      throw manifestInvalid(`its region does not lie in ${region}`);
    }
    if (Date.parse(manifest.issuedAt) > this.resources.wallClock().getTime() + CLOCK_SKEW_MS) {
      throw manifestInvalid('it was issued in the future');
    }
    const foreign = manifest.purposeKeys.find(({ purpose }) => purpose === 'root' || purpose === 'operator');
    if (foreign) throw manifestInvalid(`a node holds no key of the purpose ${foreign.purpose}`);
  }

  private async checkOperator(manifest: NodeManifest): Promise<void> {
    const { operatorId, nodeId } = manifest;
    const known = () => this.operators.of(operatorId) ?? this.operators.formerlyOf(operatorId, nodeId);
    let key = known();
    if (!key) {
      try {
        await this.record.catchUp();
      } catch (error) {
        throw governanceAway(error);
      }
      key = known();
    }
    if (!key) throw manifestInvalid('no operator of this cluster signed it');
    await verifyDocument(manifest, { ...this.signed(), key, purpose: 'operator' });
    const ofFirstOperator = this.operators.isGenesis(operatorId);
    judgeNodeAddress(manifest, this.resources.settings.nodeRanges, ofFirstOperator);
    if (!ofFirstOperator && manifest.services.some((service) => service !== 'runner')) {
      throw manifestInvalid('only runners may belong to another operator than the first');
    }
  }

  private async admission(manifest: NodeManifest, knownExpelled: boolean): Promise<Admission> {
    const { nodeId, operatorId } = manifest;
    try {
      const { epoch } = await this.resources.governance.admit(nodeId, operatorId, manifest.services);
      if ((this.record.of(nodeId)?.epoch ?? 0) < epoch) await this.record.catchUp();
    } catch (error) {
      if (isWatershedError(error, 'node_expelled')) return { membership: 'expelled', membershipEpoch: 0 };
      if (!isAbsence(error)) throw error;
      const known = this.record.of(nodeId);
      if (knownExpelled || known?.state === 'expelled') return { membership: 'expelled', membershipEpoch: 0 };
      // It was counted as a member: nobody has to be asked. Governance itself comes back in this way.
      if (known?.operatorId === operatorId) return { membership: known.state, membershipEpoch: known.epoch };
      const decides = this.operators.isGenesis(operatorId) && this.operators.of(operatorId) !== undefined;
      if (!decides) throw governanceAway(error);
      return { membership: 'admitted', membershipEpoch: 0 };
    }
    // What governance answered is not believed: the log has it, or it was not decided.
    const counted = this.record.of(nodeId);
    if (!counted) throw governanceAway(new Error('an admission is not in the log'));
    return { membership: counted.state, membershipEpoch: counted.epoch };
  }
}

const absences = new Set([
  'no_node_available',
  'node_unreachable',
  'deadline_exceeded',
  'bus_unavailable',
  'shutting_down',
  'database_unavailable',
  'caller_not_allowed', // governance has not heard of this index yet
]);

/** Governance did not answer, as opposed to: it said no. */
export const isAbsence = (error: unknown): boolean => isWatershedError(error) && absences.has(error.code);
