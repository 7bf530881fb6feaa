import type { Ballot, Membership, MembershipState, ProposalKind, Tally } from '#contracts';
import { WatershedError } from '#errors';
import { documentTyp, verifyDocument } from '#sigil';
import { type Counted, type CountedProposal, isOpenAt, type Verdict } from './counted.js';
import { inOrder } from './electorate.js';
import { lastOperator, notAnOperator, signedWithinMs } from './proposal-rules.js';

/**
 * What a ballot comes to, upon what was decided so far. The same vote again: what stood after it the first time. Throws
 * `proposal_unknown`, `conflict` (another text of the proposal), `role_missing` (no operator, none at the opening, or
 * removed since), `signature_invalid`, `ballot_conflict`, `proposal_closed`, `invalid_request` (its time),
 * `last_operator`.
 */
export async function judgeBallot(counted: Counted, ballot: Ballot, now: Date): Promise<Verdict> {
  const on = counted.proposals.get(ballot.proposalId);
  if (!on) throw new WatershedError('proposal_unknown', 'No proposal of this cluster has this id.');
  const voter = counted.operators.get(ballot.operatorId) ?? counted.former.get(ballot.operatorId);
  if (!voter) throw notAnOperator();
  await verifyDocument(ballot, {
    typ: documentTyp.ballot,
    aud: counted.clusterId,
    key: voter.key,
    purpose: 'operator',
  });
  if (ballot.proposalDigest !== on.digest) {
    throw new WatershedError('conflict', 'The ballot names another text of this proposal. Read it, then vote on it.');
  }
  const earlier = on.ballots.get(ballot.operatorId);
  if (earlier) {
    if (earlier.ballot.choice === ballot.choice) return { tally: earlier.outcome, repeated: true };
    throw new WatershedError('ballot_conflict', `This operator has voted ${earlier.ballot.choice}, and a vote stands.`);
  }
  mustBeEntitled(counted, on, ballot);
  mustBeInTime(on, ballot, now);
  return { tally: tallyWith(counted, on, ballot, now), repeated: false };
}

function mustBeEntitled(counted: Counted, on: CountedProposal, { operatorId }: Ballot): void {
  if (!counted.operators.has(operatorId)) {
    throw new WatershedError('role_missing', 'This operator was voted out; their vote counts no more.');
  }
  if (!on.proposal.operators.includes(operatorId)) {
    throw new WatershedError('role_missing', 'This operator has no vote here: the list was frozen without them.');
  }
}

function mustBeInTime(on: CountedProposal, { castAt }: Ballot, now: Date): void {
  if (!isOpenAt(on, now)) {
    const state = on.tally.state === 'open' ? 'expired' : on.tally.state;
    throw new WatershedError('proposal_closed', `The vote is over: the proposal is ${state}.`, { details: { state } });
  }
  const at = Date.parse(castAt);
  if (at > now.getTime() + signedWithinMs || at < Date.parse(on.proposal.openedAt) - signedWithinMs) {
    throw new WatershedError(
      'invalid_request',
      'The ballot was cast before the opening or ahead of time. Set the clock.',
    );
  }
}

function tallyWith(counted: Counted, on: CountedProposal, ballot: Ballot, now: Date): Tally {
  const votes = on.ballots.size + 1;
  const inFavour = on.tally.for + (ballot.choice === 'for' ? 1 : 0);
  const { needed } = on.tally;
  const tally = { proposalId: ballot.proposalId, for: inFavour, against: votes - inFavour, needed };
  if (inFavour >= needed) return { ...tally, state: 'passed', ...effectOf(counted, on, ballot, now) };
  const stillPossible = inFavour + on.proposal.operators.length - votes >= needed;
  return { ...tally, state: stillPossible ? 'open' : 'rejected' };
}

const stateAfter = {
  'node-exclude': 'expelled',
  'node-pause': 'paused',
  'node-readmit': 'admitted',
} as const satisfies Partial<Record<ProposalKind, MembershipState>>;

function effectOf(
  counted: Counted,
  { proposal: { kind, subject, reason } }: CountedProposal,
  { operatorId }: Ballot,
  now: Date,
): { membership: Membership } | { operators: string[] } {
  if (kind === 'operator-add') return { operators: inOrder(new Set([...counted.operators.keys(), subject])) };
  if (kind === 'operator-remove') {
    const left = inOrder([...counted.operators.keys()].filter((id) => id !== subject));
    if (left.length === 0) throw lastOperator();
    return { operators: left };
  }
  const current = counted.memberships.get(subject)?.membership;
  if (!current) throw new WatershedError('node_unknown', 'No node of this id was ever part of the cluster.');
  return {
    membership: {
      nodeId: subject,
      operatorId: current.operatorId,
      state: stateAfter[kind],
      reason,
      epoch: current.epoch + 1,
      decidedAt: now.toISOString(),
      decidedBy: operatorId,
    },
  };
}
