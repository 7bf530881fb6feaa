import type { PublicJwk } from '#contracts';
import { thumbprintOf } from '#sigil';
import type { DecisionRecord } from './decision-record.js';

/** The operators whose signatures under manifests count, by the index's own count of the ballots from the genesis on. */
export class OperatorKeys {
  private readonly genesisId: string;

  constructor(
    private readonly genesis: PublicJwk,
    private readonly record: DecisionRecord,
  ) {
    this.genesisId = thumbprintOf(genesis);
  }

  /** Whether this is the operator of the genesis, who signs for the cluster's own services; they may be voted out. */
  isGenesis(operatorId: string): boolean {
    return operatorId === this.genesisId;
  }

  of(operatorId: string): PublicJwk | undefined {
    // Until governance could be asked there is the genesis alone.
    if (this.record.counted.head.seq === 0) return operatorId === this.genesisId ? this.genesis : undefined;
    return this.record.counted.operators.get(operatorId)?.key;
  }

  /** The key of an operator who is none any more, for a node that they brought: it belongs until it is voted out itself. */
  formerlyOf(operatorId: string, nodeId: string): PublicJwk | undefined {
    const brought = this.record.counted.memberships.get(nodeId)?.membership.operatorId === operatorId;
    return brought ? this.record.counted.former.get(operatorId)?.key : undefined;
  }
}
