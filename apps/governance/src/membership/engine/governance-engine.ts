import { type Membership, type MembershipDecision, type Operator, type PublicJwk } from '#contracts';
import { WatershedError } from '#errors';
import { digestOf, thumbprintOf } from '#sigil';
import { brokenAt } from './decision-chain.js';
import { type DecisionRule, mustBeReversible, oneOperatorDecides } from './decision-rule.js';
import type { GovernanceStore, MembershipChange, MembershipView } from './governance.ports.js';

/** A decision signed longer ago, or further ahead, is not taken: it may have been kept back to be played later. */
export const signedWithinMs = 10 * 60_000;

export interface GovernanceResources {
  readonly store: GovernanceStore;
  readonly rule?: DecisionRule;
  readonly now: () => Date;
  /** Called after a change is durable, so that it is announced at once. */
  readonly onChanged: () => void;
}

/** Operators, and the membership of nodes that they decide. */
export class GovernanceEngine {
  readonly #store: GovernanceStore;
  readonly #rule: DecisionRule;
  readonly #resources: GovernanceResources;

  constructor(resources: GovernanceResources) {
    this.#resources = resources;
    this.#store = resources.store;
    this.#rule = resources.rule ?? oneOperatorDecides;
  }

  /** Makes the genesis operator the first one, once; answers whether this was the time. Throws where the log is broken. */
  async begin(genesis: { readonly key: PublicJwk; readonly name: string }): Promise<boolean> {
    const broken = brokenAt(await this.#store.log());
    if (broken !== undefined) {
      throw new WatershedError(
        'internal',
        `The log of decisions is broken at entry ${broken}: restore the database from a backup.`,
      );
    }
    return this.#store.addFirstOperator({
      operatorId: thumbprintOf(genesis.key),
      name: genesis.name,
      key: { kty: genesis.key.kty, crv: genesis.key.crv, x: genesis.key.x },
      since: this.#resources.now().toISOString(),
    });
  }

  async members(): Promise<{ operators: Operator[]; memberships: Membership[] }> {
    const [operators, memberships] = await Promise.all([this.#store.operators(), this.#store.memberships()]);
    return { operators, memberships };
  }

  /**
   * Whether a node belongs here whose manifest this operator signed (the index has checked that). The first question
   * admits it; what was decided since stands. Throws `role_missing` for someone who is no operator, `conflict` where
   * another operator brought the node.
   */
  async admit(nodeId: string, operatorId: string): Promise<Membership> {
    const known = await this.#store.membership(nodeId);
    if (known) return ofOperator(known, operatorId);
    const operators = await this.#store.operators();
    if (!operators.some((operator) => operator.operatorId === operatorId)) {
      throw new WatershedError(
        'role_missing',
        'The manifest is signed by someone who is not an operator of this cluster.',
      );
    }
    const membership = await this.#store.change({ nodeId }, (view) => admission(view, nodeId, operatorId));
    this.#resources.onChanged();
    return ofOperator(membership, operatorId);
  }

  /**
   * Takes an operator's signed decision. Repeated: the outcome of the first time. Throws `role_missing`,
   * `signature_invalid`, `node_unknown`, `invalid_request` (signed too long ago), `conflict` (older than the decision in
   * force, the id stands for another decision, or it would shut out a node of `through`, by which it came).
   */
  async decide(decision: MembershipDecision, through: readonly string[] = []): Promise<Membership> {
    await this.#rule.carries(decision, await this.#store.operators());
    mustBeReversible(decision, through);
    const { nodeId, decisionId } = decision;
    const membership = await this.#store.change({ nodeId, decisionId }, (view) => judge(view, decision));
    this.#resources.onChanged();
    return membership;
  }

  /** Signed decisions, newest first. Throws `cursor_invalid`. */
  async decisions(page: {
    cursor?: string | undefined;
    limit: number;
  }): Promise<{ items: MembershipDecision[]; nextCursor?: string }> {
    const before = page.cursor === undefined ? undefined : seqOf(page.cursor);
    const found = await this.#store.decisions({ before, limit: page.limit + 1 });
    const shown = found.slice(0, page.limit);
    const last = shown.at(-1);
    return {
      items: shown.map(({ decision }) => decision),
      ...(last && found.length > shown.length
        ? { nextCursor: Buffer.from(String(last.seq)).toString('base64url') }
        : {}),
    };
  }
}

function ofOperator(membership: Membership, operatorId: string): Membership {
  if (membership.operatorId === operatorId) return membership;
  throw new WatershedError(
    'conflict',
    'This node belongs to another operator. A node keeps the operator who brought it.',
  );
}

function admission(view: MembershipView, nodeId: string, operatorId: string): MembershipChange | Membership {
  if (view.current) return view.current.membership;
  const decidedAt = view.now.toISOString();
  return {
    kind: 'admission',
    document: { type: 'watershed/admission', nodeId, operatorId, admittedAt: decidedAt },
    membership: {
      nodeId,
      operatorId,
      state: 'admitted',
      reason: 'joined with a manifest that its operator signed',
      epoch: 1,
      decidedAt,
      decidedBy: operatorId,
    },
    signedAt: undefined,
  };
}

function judge(view: MembershipView, decision: MembershipDecision): MembershipChange | Membership {
  if (view.earlier) {
    if (digestOf(view.earlier.document) === digestOf(decision)) return view.earlier.outcome;
    throw new WatershedError('conflict', 'This decision id stands for another decision. Use a new id.');
  }
  if (!view.current) {
    throw new WatershedError('node_unknown', 'No node of this id was ever part of the cluster.');
  }
  const signedAt = new Date(decision.decidedAt);
  const ageMs = view.now.getTime() - signedAt.getTime();
  if (Math.abs(ageMs) > signedWithinMs) {
    throw new WatershedError(
      'invalid_request',
      'The decision was not signed within the last ten minutes. Sign it anew, with the clock set.',
      {
        details: { clockOffsetMs: ageMs },
      },
    );
  }
  if (view.current.signedAt && signedAt <= view.current.signedAt) {
    throw new WatershedError('conflict', 'A later decision on this node is in force. Look at it, then decide anew.', {
      details: { epoch: view.current.membership.epoch, state: view.current.membership.state },
    });
  }
  return {
    kind: 'decision',
    decisionId: decision.decisionId,
    document: decision,
    membership: {
      nodeId: decision.nodeId,
      operatorId: view.current.membership.operatorId,
      state: decision.state,
      reason: decision.reason,
      epoch: view.current.membership.epoch + 1,
      decidedAt: view.now.toISOString(),
      decidedBy: decision.operatorId,
    },
    signedAt,
  };
}

function seqOf(cursor: string): number {
  const text = Buffer.from(cursor, 'base64url').toString();
  if (/^[0-9]{1,15}$/.test(text)) return Number(text);
  throw new WatershedError('cursor_invalid', 'This cursor is not one that a listing gave. Start without a cursor.');
}
