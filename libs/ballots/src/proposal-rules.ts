import type { Proposal, Tally } from '#contracts';
import { WatershedError } from '#errors';
import { documentTyp, thumbprintOf, verifyDocument } from '#sigil';
import { type Counted, isOpenAt, proposalDigest, type Verdict } from './counted.js';
import { decidesAlone, inOrder, majorityOf, sameIds } from './electorate.js';

/** A document signed longer ago, or further ahead, is not taken: it may have been kept back to be played later. */
export const signedWithinMs = 10 * 60_000;
/** No vote stays open for longer. */
export const longestVoteMs = 30 * 86_400_000;

/**
 * Whether a proposal may be opened now, upon what was decided so far. The same again: what it came to the first time.
 * Throws `role_missing`, `signature_invalid`, `invalid_request` (another cluster, times, a key that is not its
 * thumbprint's), `operator_unknown`, `node_unknown`, `last_operator`, `conflict` (already so, another list of operators,
 * the id or an open proposal stands for it).
 */
export async function judgeProposal(counted: Counted, proposal: Proposal, now: Date): Promise<Verdict> {
  if (proposal.clusterId !== counted.clusterId) {
    throw new WatershedError(
      'invalid_request',
      'The proposal was made for another cluster. Sign one for this cluster.',
    );
  }
  const opener = counted.operators.get(proposal.openedBy) ?? counted.former.get(proposal.openedBy);
  if (!opener) throw notAnOperator();
  await verifyDocument(proposal, {
    typ: documentTyp.proposal,
    aud: counted.clusterId,
    key: opener.key,
    purpose: 'operator',
  });
  const earlier = counted.proposals.get(proposal.proposalId);
  if (earlier) {
    if (earlier.digest === proposalDigest(proposal)) return { tally: earlier.opening, repeated: true };
    throw new WatershedError('conflict', 'This proposal id stands for another proposal. Use a new id.');
  }
  if (!counted.operators.has(proposal.openedBy)) throw notAnOperator();
  mustBeTimely(proposal, now);
  mustChangeSomething(counted, proposal);
  const alone = mustHaveElectorate(counted, proposal);
  mustBeAlone(counted, proposal, alone, now);
  return { tally: opened(proposal), repeated: false };
}

const opened = ({ proposalId, operators }: Proposal): Tally => ({
  proposalId,
  state: 'open',
  for: 0,
  against: 0,
  needed: majorityOf(operators.length),
});

export const notAnOperator = () =>
  new WatershedError('role_missing', 'The signer is not an operator of this cluster. Sign with an operator’s key.');

function mustBeTimely({ openedAt, closesAt }: Proposal, now: Date): void {
  const ageMs = now.getTime() - Date.parse(openedAt);
  if (Math.abs(ageMs) > signedWithinMs) {
    throw new WatershedError(
      'invalid_request',
      'The proposal was not signed within the last ten minutes. Sign it anew, with the clock set.',
      { details: { clockOffsetMs: ageMs } },
    );
  }
  const openForMs = Date.parse(closesAt) - now.getTime();
  if (openForMs <= 0 || openForMs > longestVoteMs + signedWithinMs) {
    throw new WatershedError(
      'invalid_request',
      'A vote closes in the future and within thirty days. Correct `closesAt`.',
    );
  }
}

function mustChangeSomething(counted: Counted, proposal: Proposal): void {
  const { kind, subject, candidate } = proposal;
  if ((kind === 'operator-add') !== (candidate !== undefined)) {
    throw new WatershedError('invalid_request', 'Exactly a proposal that adds an operator carries a `candidate`.');
  }
  if (candidate) {
    if (candidate.key.crv !== 'Ed25519' || thumbprintOf(candidate.key) !== subject) {
      throw new WatershedError('invalid_request', 'The subject is not the thumbprint of the candidate’s Ed25519 key.');
    }
    if (counted.operators.has(subject)) throw alreadySo('This key is an operator’s already.');
    return;
  }
  if (kind === 'operator-remove') {
    if (!counted.operators.has(subject)) {
      throw new WatershedError('operator_unknown', 'No operator of this cluster has this id.');
    }
    if (counted.operators.size === 1) throw lastOperator();
    return;
  }
  const node = counted.memberships.get(subject);
  if (!node) throw new WatershedError('node_unknown', 'No node of this id was ever part of the cluster.');
  const { state } = node.membership;
  const fits =
    (kind === 'node-exclude' && state !== 'expelled') ||
    (kind === 'node-readmit' && state !== 'admitted') ||
    (kind === 'node-pause' && (state === 'admitted' || node.pausedAlone));
  if (!fits) throw alreadySo(`The node is ${state}: this would change nothing, or too little.`);
}

const alreadySo = (message: string) => new WatershedError('conflict', message);

export const lastOperator = () =>
  new WatershedError(
    'last_operator',
    'This would leave the cluster without an operator. Make someone else an operator first.',
  );

/** Answers whether the node's own operator decides alone. */
function mustHaveElectorate(counted: Counted, { kind, subject, openedBy, operators }: Proposal): boolean {
  const all = inOrder(counted.operators.keys());
  const node = counted.memberships.get(subject);
  const mayAlone = decidesAlone(kind, openedBy, node);
  if (kind === 'node-readmit' && node?.pausedAlone) {
    // Nobody makes an operator lend what they hold back.
    if (!mayAlone) throw alreadySo('Its own operator paused this node, and only they take that back.');
    if (sameIds(operators, [openedBy])) return !sameIds(operators, all);
  } else {
    if (sameIds(operators, all)) return false;
    if (mayAlone && sameIds(operators, [openedBy])) return true;
  }
  throw new WatershedError(
    'conflict',
    'The proposal names another list of operators than there is now. Read the list, then sign anew.',
    { details: { operators: mayAlone && node?.pausedAlone ? [openedBy] : all } },
  );
}

function mustBeAlone(counted: Counted, { kind, subject }: Proposal, alone: boolean, now: Date): void {
  for (const other of counted.proposals.values()) {
    if (other.proposal.kind !== kind || other.proposal.subject !== subject || other.alone !== alone) continue;
    if (!isOpenAt(other, now)) continue;
    throw new WatershedError('conflict', 'A proposal for this is open. Vote on that one.', {
      details: { proposalId: other.proposal.proposalId },
    });
  }
}
