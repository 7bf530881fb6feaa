import type { MembershipDecision, Operator } from '#contracts';
import { WatershedError } from '#errors';
import { documentTyp, verifyDocument } from '#sigil';

/**
 * What makes a decision of the cluster out of signatures. Today one operator's signature does; a cluster of several
 * decides by a strict majority of signed ballots, which is another rule behind this same port.
 */
export interface DecisionRule {
  /** Resolves where the decision carries; throws `role_missing` or `signature_invalid` where it does not. */
  carries(decision: MembershipDecision, operators: readonly Operator[]): Promise<void>;
}

/** Any operator of the cluster decides alone. */
export const oneOperatorDecides: DecisionRule = {
  async carries(decision, operators) {
    const operator = operators.find(({ operatorId }) => operatorId === decision.operatorId);
    if (!operator) {
      throw new WatershedError(
        'role_missing',
        'The signer is not an operator of this cluster. Sign with an operator’s key.',
      );
    }
    await verifyDocument(decision, { typ: documentTyp.membershipDecision, key: operator.key, purpose: 'operator' });
  },
};

/**
 * Refuses what nobody could take back: a decision that shuts out one of the nodes it came through. Who wants that gateway
 * or this instance of governance out decides so through another. Throws `conflict`.
 */
export function mustBeReversible(
  { nodeId, state }: Pick<MembershipDecision, 'nodeId' | 'state'>,
  through: readonly string[],
) {
  if (state === 'admitted' || !through.includes(nodeId)) return;
  throw new WatershedError(
    'conflict',
    'The decision came through this very node, and no later one could. Decide through another gateway, or stop the node.',
  );
}
