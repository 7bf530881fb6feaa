import type { Ballot, BallotChoice, Proposal } from '#contracts';
import { documentTyp, type Sigil, signDocument } from '#sigil';

/** Signs a proposal as its opener, addressed to its cluster. */
export function signProposal(
  body: Omit<Proposal, 'type' | 'openedBy' | 'signatures'>,
  sigil: Sigil,
): Promise<Proposal> {
  return signDocument({ type: 'watershed/proposal' as const, ...body, openedBy: sigil.thumbprint }, sigil, {
    typ: documentTyp.proposal,
    aud: body.clusterId,
  });
}

/** Signs a vote on this very text of a proposal, addressed to the cluster. */
export function signBallot(
  vote: {
    readonly clusterId: string;
    readonly proposalId: string;
    readonly proposalDigest: string;
    readonly choice: BallotChoice;
    readonly castAt: Date;
  },
  sigil: Sigil,
): Promise<Ballot> {
  const { clusterId, castAt, ...body } = vote;
  const ballot = {
    type: 'watershed/ballot' as const,
    ...body,
    operatorId: sigil.thumbprint,
    castAt: castAt.toISOString(),
  };
  return signDocument(ballot, sigil, { typ: documentTyp.ballot, aud: clusterId });
}
