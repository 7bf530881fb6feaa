import {
  admissionOutcome,
  type CountedProposal,
  DecisionCount,
  judgeBallot,
  judgeProposal,
  LogRefusedError,
} from '#ballots';
import type { Ballot, LogEntry, Membership, Operator, Proposal, ProposalRecord, PublicJwk, Tally } from '#contracts';
import { WatershedError } from '#errors';
import { thumbprintOf } from '#sigil';
import type { GovernanceStore, LogAddition, LogView } from './governance.ports.js';
import { mustBeReversible } from './reversible.js';

export interface GovernanceResources {
  readonly store: GovernanceStore;
  readonly clusterId: string;
  readonly now: () => Date;
  /** Called after a change is durable, so that it is announced at once. */
  readonly onChanged: () => void;
}

const entriesAtOnce = 200;

/**
 * Operators, and what they decide by ballots. The log is the truth: what comes next is judged by a count of all that it
 * holds, the same count with which everyone else checks it.
 */
export class GovernanceEngine {
  readonly #store: GovernanceStore;
  readonly #resources: GovernanceResources;
  readonly #counted: DecisionCount;
  #counting: Promise<void> = Promise.resolve();

  constructor(resources: GovernanceResources) {
    this.#resources = resources;
    this.#store = resources.store;
    this.#counted = new DecisionCount(resources.clusterId);
  }

  /** Makes the genesis operator the first one, once; answers whether this was the time. Throws where the log is broken. */
  async begin(genesis: { readonly key: PublicJwk; readonly name: string }): Promise<boolean> {
    await this.#catchUp();
    let first = false;
    await this.#append(async ({ now }) => {
      if (this.#counted.head.seq > 0) return undefined;
      first = true;
      const operator: Operator = {
        operatorId: thumbprintOf(genesis.key),
        name: genesis.name,
        key: { kty: genesis.key.kty, crv: genesis.key.crv, x: genesis.key.x },
        since: now.toISOString(),
      };
      return {
        kind: 'operator',
        document: { type: 'watershed/operator', ...operator },
        outcome: null,
        addsOperator: operator,
      };
    });
    return first;
  }

  async members(): Promise<{ operators: Operator[]; memberships: Membership[]; formerOperators: Operator[] }> {
    const [operators, memberships] = await Promise.all([this.#store.operators(), this.#store.memberships()]);
    await this.#catchUp();
    return { operators, memberships, formerOperators: [...this.#counted.former.values()] };
  }

  /**
   * Whether a node belongs here whose manifest this operator signed (the index has checked that). The first question
   * admits it; what was decided since stands. Throws `role_missing` for someone who is no operator, `conflict` where
   * another operator brought the node.
   */
  async admit(nodeId: string, operatorId: string): Promise<Membership> {
    const known = await this.#store.membership(nodeId);
    if (known) return ofOperator(known, operatorId);
    let membership: Membership | undefined;
    await this.#append(async ({ now }) => {
      membership = this.#counted.memberships.get(nodeId)?.membership;
      if (membership) return undefined;
      const admittedAt = now.toISOString();
      membership = admissionOutcome(this.#counted, {
        type: 'watershed/admission',
        nodeId,
        operatorId,
        admittedAt,
      });
      return {
        kind: 'admission',
        document: { type: 'watershed/admission', nodeId, operatorId, admittedAt },
        outcome: membership,
        membership,
      };
    });
    if (!membership) throw new WatershedError('internal', 'An admission was neither found nor made.');
    return ofOperator(membership, operatorId);
  }

  /**
   * Throws `node_expelled` where this node was voted out: it gets no ticket and no login until a vote lets it back in.
   * Whoever gives any asks here first.
   */
  async mustNotBeExpelled(nodeId: string): Promise<void> {
    if ((await this.#store.membership(nodeId))?.state !== 'expelled') return;
    throw new WatershedError('node_expelled', 'This node was voted out. Only a vote of the operators lets it back in.');
  }

  /**
   * Opens a vote. The same proposal again: its first answer. Throws what `judgeProposal` throws, and `conflict` where it
   * would shut out a node of `through`, by which it came.
   */
  async propose(proposal: Proposal, through: readonly string[] = []): Promise<Tally> {
    mustBeReversible(proposal, through);
    return this.#record(async (now) => {
      const { tally, repeated } = await judgeProposal(this.#counted, proposal, now);
      if (repeated) return { tally };
      return {
        tally,
        addition: { kind: 'proposal', document: proposal, outcome: tally, opens: proposal.proposalId },
      };
    });
  }

  /**
   * Counts a vote, and does what it decides. The same vote again: what stood after it the first time. Throws what
   * `judgeBallot` throws, and `conflict` where it would shut out a node of `through`.
   */
  async vote(ballot: Ballot, through: readonly string[] = []): Promise<Tally> {
    return this.#record(async (now) => {
      const { tally, repeated } = await judgeBallot(this.#counted, ballot, now);
      if (repeated) return { tally };
      const { proposal } = this.#proposalOf(ballot.proposalId);
      if (ballot.choice === 'for') mustBeReversible(proposal, through);
      const addition: LogAddition = {
        kind: 'ballot',
        document: ballot,
        outcome: tally,
        vote: { proposalId: ballot.proposalId, voterId: ballot.operatorId },
        ...(tally.state === 'passed' ? this.#changesOf(proposal, tally, now) : {}),
      };
      return { tally, addition };
    });
  }

  /** Throws `proposal_unknown`. */
  async proposal(proposalId: string): Promise<ProposalRecord> {
    await this.#catchUp();
    return this.#counted.recordOf(this.#proposalOf(proposalId), this.#resources.now());
  }

  /** Newest first. Throws `cursor_invalid`. */
  async proposals(page: {
    cursor?: string | undefined;
    limit: number;
  }): Promise<{ items: ProposalRecord[]; nextCursor?: string }> {
    const before = page.cursor === undefined ? Number.POSITIVE_INFINITY : seqOf(page.cursor);
    await this.#catchUp();
    const found = [...this.#counted.proposals.values()].reverse().filter(({ seq }) => seq < before);
    const shown = found.slice(0, page.limit);
    const last = shown.at(-1);
    return {
      items: shown.map((each) => this.#counted.recordOf(each, this.#resources.now())),
      ...(last && found.length > shown.length
        ? { nextCursor: Buffer.from(String(last.seq)).toString('base64url') }
        : {}),
    };
  }

  /** The log after an entry, and where it ends. */
  async log(after: number, limit: number): Promise<{ entries: LogEntry[]; head: { seq: number; hash: string } }> {
    const [entries, head] = await Promise.all([this.#store.entriesAfter(after, limit), this.#store.head()]);
    const last = entries.at(-1);
    return { entries, head: last && last.seq > head.seq ? { seq: last.seq, hash: last.hash } : head };
  }

  #proposalOf(proposalId: string): CountedProposal {
    const found = this.#counted.proposals.get(proposalId);
    if (!found) throw new WatershedError('proposal_unknown', 'No proposal of this cluster has this id.');
    return found;
  }

  async #record(judge: (now: Date) => Promise<{ tally: Tally; addition?: LogAddition }>): Promise<Tally> {
    let outcome: Tally | undefined;
    await this.#append(async ({ now }) => {
      const { tally, addition } = await judge(now);
      outcome = tally;
      return addition;
    });
    if (!outcome) throw new WatershedError('internal', 'A document was recorded without an outcome.');
    return outcome;
  }

  #changesOf({ kind, subject, candidate }: Proposal, { membership }: Tally, now: Date): Partial<LogAddition> {
    if (membership) {
      const before = this.#counted.memberships.get(subject)?.membership.state;
      return { membership, changesAccess: (before === 'expelled') !== (membership.state === 'expelled') };
    }
    if (kind === 'operator-remove') return { removesOperator: subject };
    if (!candidate) throw new WatershedError('internal', 'A proposal to add an operator passed without a candidate.');
    return { addsOperator: { operatorId: subject, ...candidate, since: now.toISOString() } };
  }

  /** Judges with the whole log counted: nobody adds to it meanwhile, so what was judged still holds when it is written. */
  async #append(judge: (view: LogView) => Promise<LogAddition | undefined>): Promise<void> {
    let added = false;
    await this.#store.append(async (view) => {
      await this.#take(await view.entriesAfter(this.#counted.head.seq));
      const addition = await judge(view);
      added = addition !== undefined;
      return addition;
    });
    if (added) this.#resources.onChanged();
  }

  async #catchUp(): Promise<void> {
    for (;;) {
      const entries = await this.#store.entriesAfter(this.#counted.head.seq, entriesAtOnce);
      await this.#take(entries);
      if (entries.length < entriesAtOnce) return;
    }
  }

  /** One after the other. What was read twice by two who came at once is counted once. */
  #take(entries: readonly LogEntry[]): Promise<void> {
    const counting = this.#counting.then(async () => {
      for (const entry of entries) {
        if (entry.seq > this.#counted.head.seq) await this.#counted.take(entry);
      }
    });
    this.#counting = counting.catch(() => undefined);
    return counting.catch((error: unknown) => {
      if (!(error instanceof LogRefusedError)) throw error;
      throw new WatershedError('internal', `${error.message}. Restore the database from a backup.`, { cause: error });
    });
  }
}

function ofOperator(membership: Membership, operatorId: string): Membership {
  if (membership.operatorId === operatorId) return membership;
  throw new WatershedError(
    'conflict',
    'This node belongs to another operator. A node keeps the operator who brought it.',
  );
}

function seqOf(cursor: string): number {
  const text = Buffer.from(cursor, 'base64url').toString();
  if (/^[0-9]{1,15}$/.test(text)) return Number(text);
  throw new WatershedError('cursor_invalid', 'This cursor is not one that a listing gave. Start without a cursor.');
}
