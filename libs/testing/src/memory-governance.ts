import { uuidv7 } from 'uuidv7';
import {
  admissionOutcome,
  DecisionCount,
  genesisHash,
  hashOf,
  inOrder,
  judgeBallot,
  judgeProposal,
  proposalDigest,
  signBallot,
  signProposal,
  type Verdict,
} from '#ballots';
import type { Ballot, BallotChoice, LogEntry, Membership, Proposal, ProposalKind, Tally } from '#contracts';
import type { Sigil } from '#sigil';

/** The log of decisions in memory: what governance keeps in Postgres, by the same rules. */
export class MemoryGovernance {
  readonly entries: LogEntry[] = [];
  readonly count: DecisionCount;

  private constructor(
    readonly clusterId: string,
    readonly now: () => Date,
  ) {
    this.count = new DecisionCount(clusterId);
  }

  static async begin(clusterId: string, genesis: Sigil, now = () => new Date()): Promise<MemoryGovernance> {
    const governance = new MemoryGovernance(clusterId, now);
    const document = {
      type: 'watershed/operator',
      operatorId: genesis.thumbprint,
      name: 'genesis',
      key: genesis.publicJwk,
      since: now().toISOString(),
    };
    await governance.add('operator', document, null);
    return governance;
  }

  log(after: number, limit = 100): LogEntry[] {
    return this.entries.slice(after, after + limit);
  }

  async admit(nodeId: string, operatorId: string): Promise<Membership> {
    const known = this.count.memberships.get(nodeId);
    if (known) return known.membership;
    const admission = {
      type: 'watershed/admission' as const,
      nodeId,
      operatorId,
      admittedAt: this.now().toISOString(),
    };
    const outcome = admissionOutcome(this.count, admission);
    await this.add('admission', admission, outcome);
    return outcome;
  }

  async propose(proposal: Proposal): Promise<Tally> {
    const at = this.now();
    return this.record('proposal', proposal, await judgeProposal(this.count, proposal, at), at);
  }

  async vote(ballot: Ballot): Promise<Tally> {
    const at = this.now();
    return this.record('ballot', ballot, await judgeBallot(this.count, ballot, at), at);
  }

  /** A proposal as its opener would sign it now, with other members where a test wants them. */
  proposal(
    opener: Sigil,
    kind: ProposalKind,
    subject: string,
    over: Partial<Omit<Proposal, 'signatures'>> = {},
  ): Promise<Proposal> {
    const at = this.now();
    return signProposal(
      {
        proposalId: uuidv7(),
        clusterId: this.clusterId,
        kind,
        subject,
        reason: 'because',
        operators: inOrder(this.count.operators.keys()),
        openedAt: at.toISOString(),
        closesAt: new Date(at.getTime() + 86_400_000).toISOString(),
        ...over,
      },
      opener,
    );
  }

  ballot(voter: Sigil, on: Proposal, choice: BallotChoice = 'for', clusterId = this.clusterId): Promise<Ballot> {
    const { proposalId } = on;
    return signBallot({ clusterId, proposalId, proposalDigest: proposalDigest(on), choice, castAt: this.now() }, voter);
  }

  /** Opens a vote as the first of these and lets all of them vote for it; what stands after the last. */
  async decide(
    voters: readonly [Sigil, ...Sigil[]],
    kind: ProposalKind,
    subject: string,
    over: Partial<Omit<Proposal, 'signatures'>> = {},
  ): Promise<Tally> {
    const proposal = await this.proposal(voters[0], kind, subject, over);
    let tally = await this.propose(proposal);
    for (const voter of voters) tally = await this.vote(await this.ballot(voter, proposal));
    return tally;
  }

  /** Makes someone an operator. */
  async welcome(voters: readonly [Sigil, ...Sigil[]], candidate: Sigil): Promise<void> {
    const over = { candidate: { name: 'another', key: candidate.publicJwk } };
    await this.decide(voters, 'operator-add', candidate.thumbprint, over);
  }

  /** Recorded at the instant at which it was judged. */
  private async record(
    kind: LogEntry['kind'],
    document: object,
    { tally, repeated }: Verdict,
    at: Date,
  ): Promise<Tally> {
    if (!repeated) await this.add(kind, document, tally, at);
    return tally;
  }

  private async add(
    kind: LogEntry['kind'],
    document: object,
    outcome: object | null,
    at: Date = this.now(),
  ): Promise<void> {
    const last = this.entries.at(-1);
    const entry = {
      seq: (last?.seq ?? 0) + 1,
      kind,
      document: { ...document },
      outcome: outcome ? { ...outcome } : null,
      previousHash: last?.hash ?? genesisHash,
      recordedAt: at.toISOString(),
    };
    const chained: LogEntry = { ...entry, hash: hashOf(entry) };
    await this.count.take(chained);
    this.entries.push(chained);
  }
}
