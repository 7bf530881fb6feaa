import type { Membership, MembershipDecision } from '#contracts';
import { WatershedError } from '#errors';
import { documentTyp, verifyDocument } from '#sigil';
import type { Counted } from './counted.js';

/**
 * What a decision from the time before ballots came to: one operator's signature, where there was one operator. `recorded`
 * gives the instant that the log noted.
 */
export async function judgeDecision(
  counted: Counted,
  decision: MembershipDecision,
  recorded: Membership,
): Promise<Membership> {
  const operator = counted.operators.get(decision.operatorId);
  if (!operator || counted.operators.size !== 1) {
    throw new WatershedError('role_missing', 'It was signed by someone who could not decide alone.');
  }
  await verifyDocument(decision, { typ: documentTyp.membershipDecision, key: operator.key, purpose: 'operator' });
  const current = counted.memberships.get(decision.nodeId)?.membership;
  if (!current) throw new WatershedError('node_unknown', 'No node of this id was part of the cluster.');
  return {
    nodeId: decision.nodeId,
    operatorId: current.operatorId,
    state: decision.state,
    reason: decision.reason,
    epoch: current.epoch + 1,
    decidedAt: recorded.decidedAt,
    decidedBy: decision.operatorId,
  };
}
