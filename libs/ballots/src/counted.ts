import type { Ballot, Membership, Operator, Proposal, Tally } from '#contracts';
import { digestOf } from '#sigil';

export interface CountedMembership {
  readonly membership: Membership;
  /** Its own operator paused it without asking the others, and may take that back. */
  readonly pausedAlone: boolean;
}

export interface CountedBallot {
  readonly ballot: Ballot;
  /** Where the proposal stood after it. */
  readonly outcome: Tally;
}

export interface CountedProposal {
  readonly proposal: Proposal;
  readonly digest: string;
  readonly seq: number;
  /** A node's own operator decides it, without the others. */
  readonly alone: boolean;
  readonly opening: Tally;
  readonly tally: Tally;
  /** By voter. */
  readonly ballots: ReadonlyMap<string, CountedBallot>;
  readonly decidedAt?: string;
}

/** What the entries so far come to; what the next one is judged by. */
export interface Counted {
  readonly clusterId: string;
  readonly operators: ReadonlyMap<string, Operator>;
  /** Operators no more, with the keys by which what they signed can still be checked. */
  readonly former: ReadonlyMap<string, Operator>;
  readonly memberships: ReadonlyMap<string, CountedMembership>;
  readonly proposals: ReadonlyMap<string, CountedProposal>;
}

/** What a document comes to; `repeated` where the log holds it already, with what it came to then. */
export interface Verdict {
  readonly tally: Tally;
  readonly repeated: boolean;
}

/** What ballots name: the digest of the proposal without its signatures. */
export function proposalDigest({ signatures: _, ...body }: Proposal): string {
  return digestOf(body);
}

export const isOpenAt = ({ proposal: { closesAt }, tally }: CountedProposal, now: Date): boolean =>
  tally.state === 'open' && now.getTime() < Date.parse(closesAt);
