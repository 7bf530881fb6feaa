import type { DecisionCount } from '#ballots';
import type { PublicJwk } from '#contracts';
import { thumbprintOf } from '#sigil';

/** The operators whose signatures under manifests count, by the index's own count of the ballots from the genesis on. */
export class OperatorKeys {
  private readonly genesisId: string;

  constructor(
    private readonly genesis: PublicJwk,
    private readonly counted: DecisionCount,
  ) {
    this.genesisId = thumbprintOf(genesis);
  }

  /** Whether this is the genesis's operator, who has not been voted out. */
  isGenesis(operatorId: string): boolean {
    return operatorId === this.genesisId && this.of(operatorId) !== undefined;
  }

  of(operatorId: string): PublicJwk | undefined {
    // Until governance could be asked there is the genesis alone.
    if (this.counted.head.seq === 0) return operatorId === this.genesisId ? this.genesis : undefined;
    return this.counted.operators.get(operatorId)?.key;
  }

  /** The key of an operator who is none any more, for a node that they brought: it belongs until it is voted out itself. */
  formerlyOf(operatorId: string, nodeId: string): PublicJwk | undefined {
    const brought = this.counted.memberships.get(nodeId)?.membership.operatorId === operatorId;
    return brought ? this.counted.former.get(operatorId)?.key : undefined;
  }
}
