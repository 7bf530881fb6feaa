import {
  type Ballot,
  ballot,
  type LogEntry,
  type Membership,
  membership,
  membershipDecision,
  type Operator,
  operator,
  type Proposal,
  type ProposalRecord,
  proposal,
  type Tally,
} from '#contracts';
import { isWatershedError } from '#errors';
import { digestOf, thumbprintOf } from '#sigil';
import { admissionOutcome, readAdmission } from './admission.js';
import { judgeBallot } from './ballot-rules.js';
import { brokenLink, genesisHash } from './chain.js';
import { type Counted, type CountedMembership, type CountedProposal, isOpenAt, proposalDigest } from './counted.js';
import { judgeDecision } from './decision-rules.js';
import { inOrder, sameIds } from './electorate.js';
import { LogRefusedError } from './log.errors.js';
import { judgeProposal } from './proposal-rules.js';

/**
 * What a log of decisions comes to, entry by entry: who the operators are, which nodes belong, what is open. Nothing in
 * the log is believed but its order: signatures, lists, majorities and outcomes are counted anew from the genesis. Who
 * writes the log judges by it what may come next, and everyone who reads it arrives at the same.
 */
export class DecisionCount implements Counted {
  readonly operators = new Map<string, Operator>();
  readonly former = new Map<string, Operator>();
  readonly memberships = new Map<string, CountedMembership>();
  readonly proposals = new Map<string, CountedProposal>();
  /** Decisions without ballots that were counted: what was signed once decides once. */
  private readonly decided = new Set<string>();
  private last = { seq: 0, hash: genesisHash };

  /** `genesisId`: thumbprint of the only key with which this cluster's log may begin. */
  constructor(
    readonly clusterId: string,
    readonly genesisId?: string,
  ) {}

  get head(): { readonly seq: number; readonly hash: string } {
    return this.last;
  }

  /** Counts the next entry. Throws LogRefusedError, and counts nothing of it, where it does not hold. */
  async take(entry: LogEntry): Promise<void> {
    const broken = brokenLink(entry, this.last);
    if (broken) throw new LogRefusedError(entry.seq, broken);
    try {
      await this.takeDocument(entry);
    } catch (error) {
      if (error instanceof LogRefusedError) throw error;
      const reason = isWatershedError(error) ? error.message : 'its document is of no known form';
      throw new LogRefusedError(entry.seq, reason, { cause: error });
    }
    this.last = { seq: entry.seq, hash: entry.hash };
  }

  /** A proposal as it stands at this time. */
  recordOf(counted: CountedProposal, now: Date): ProposalRecord {
    const { tally } = counted;
    const state = tally.state === 'open' && !isOpenAt(counted, now) ? ('expired' as const) : tally.state;
    return {
      proposal: counted.proposal,
      digest: counted.digest,
      tally: { ...tally, state },
      ballots: [...counted.ballots.values()].map((each) => each.ballot),
      ...(counted.decidedAt === undefined ? {} : { decidedAt: counted.decidedAt }),
    };
  }

  private async takeDocument(entry: LogEntry): Promise<void> {
    const now = new Date(entry.recordedAt);
    switch (entry.kind) {
      case 'operator':
        return this.begin(entry);
      case 'admission': {
        const admission = readAdmission(entry.document);
        const outcome = admissionOutcome(this, admission);
        // The reason is for people to read; older logs may word it otherwise.
        this.mustCome(entry, { ...outcome, reason: (entry.outcome as Partial<Membership> | null)?.reason });
        this.memberships.set(outcome.nodeId, { membership: membership.parse(entry.outcome), pausedAlone: false });
        return;
      }
      case 'decision': {
        const decision = membershipDecision.parse(entry.document);
        if (this.decided.has(decision.decisionId)) {
          throw new LogRefusedError(entry.seq, 'its decision stands in the log already');
        }
        const outcome = await judgeDecision(this, decision, membership.parse(entry.outcome));
        this.mustCome(entry, outcome);
        this.decided.add(decision.decisionId);
        this.memberships.set(outcome.nodeId, { membership: outcome, pausedAlone: false });
        return;
      }
      case 'proposal': {
        const verdict = await judgeProposal(this, proposal.parse(entry.document), now);
        if (verdict.repeated) throw new LogRefusedError(entry.seq, 'its proposal stands in the log already');
        this.mustCome(entry, verdict.tally);
        this.open(entry.seq, proposal.parse(entry.document), verdict.tally);
        return;
      }
      case 'ballot': {
        const cast = ballot.parse(entry.document);
        const verdict = await judgeBallot(this, cast, now);
        if (verdict.repeated) throw new LogRefusedError(entry.seq, 'its operator had voted');
        this.mustCome(entry, verdict.tally);
        this.count(cast, verdict.tally, entry.recordedAt);
      }
    }
  }

  private begin(entry: LogEntry): void {
    const { type: _, ...rest } = entry.document;
    const first = operator.parse(rest);
    if (entry.seq !== 1) throw new LogRefusedError(entry.seq, 'only the genesis names an operator without a vote');
    if (thumbprintOf(first.key) !== first.operatorId) throw new LogRefusedError(entry.seq, 'its id is not its key’s');
    if (this.genesisId !== undefined && first.operatorId !== this.genesisId) {
      throw new LogRefusedError(entry.seq, 'it begins with another operator than the genesis of this cluster');
    }
    this.operators.set(first.operatorId, first);
  }

  private mustCome(entry: LogEntry, outcome: unknown): void {
    if (digestOf(outcome) === digestOf(entry.outcome)) return;
    throw new LogRefusedError(entry.seq, 'its outcome is not what the documents come to');
  }

  private open(seq: number, opened: Proposal, tally: Tally): void {
    this.proposals.set(opened.proposalId, {
      proposal: opened,
      digest: proposalDigest(opened),
      seq,
      alone: !sameIds(opened.operators, inOrder(this.operators.keys())),
      opening: tally,
      tally,
      ballots: new Map(),
    });
  }

  private count(cast: Ballot, tally: Tally, at: string): void {
    const before = this.proposals.get(cast.proposalId);
    if (!before) throw new Error('a ballot was judged on a proposal that is not there');
    const ballots = new Map(before.ballots).set(cast.operatorId, { ballot: cast, outcome: tally });
    const counted = { ...before, tally, ballots, ...(tally.state === 'open' ? {} : { decidedAt: at }) };
    this.proposals.set(cast.proposalId, counted);
    if (tally.state === 'passed') this.effect(counted, at);
  }

  private effect({ proposal: passed, alone, tally }: CountedProposal, at: string): void {
    if (tally.membership) {
      const pausedAlone = alone && tally.membership.state === 'paused';
      this.memberships.set(passed.subject, { membership: tally.membership, pausedAlone });
    } else if (passed.kind === 'operator-add' && passed.candidate) {
      const { name, key } = passed.candidate;
      this.operators.set(passed.subject, { operatorId: passed.subject, name, key, since: at });
      this.former.delete(passed.subject);
    } else {
      const gone = this.operators.get(passed.subject);
      if (gone) this.former.set(passed.subject, gone);
      this.operators.delete(passed.subject);
    }
    this.supersede(passed, alone, at);
  }

  /** What else was open on the subject is void. An operator's own pause voids no vote: they could dodge one for ever. */
  private supersede(passed: Proposal, alone: boolean, at: string): void {
    for (const [id, other] of this.proposals) {
      if (other.tally.state !== 'open' || other.proposal.subject !== passed.subject) continue;
      if (alone && !other.alone) continue;
      this.proposals.set(id, { ...other, tally: { ...other.tally, state: 'superseded' }, decidedAt: at });
    }
  }
}
