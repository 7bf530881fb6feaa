import type { Membership, MembershipDecision, Operator } from '#contracts';
import type { ChainEntry } from './decision-chain.js';

/** A membership and when the decision behind it was signed, by its signer's clock. */
export interface MembershipRecord {
  readonly membership: Membership;
  readonly signedAt: Date | undefined;
}

/** What a change is decided upon; nobody else changes anything while it is. */
export interface MembershipView {
  readonly current: MembershipRecord | undefined;
  /** The decision that was recorded under this id before, and what it came to. */
  readonly earlier: { readonly document: unknown; readonly outcome: Membership } | undefined;
  /** The database's clock. */
  readonly now: Date;
}

/** A new membership with the document that brought it about. */
export interface MembershipChange {
  readonly kind: 'admission' | 'decision';
  readonly decisionId?: string;
  readonly document: object;
  readonly membership: Membership;
  readonly signedAt: Date | undefined;
}

export interface GovernanceStore {
  operators(): Promise<Operator[]>;
  memberships(): Promise<Membership[]>;
  membership(nodeId: string): Promise<Membership | undefined>;
  /** Adds an operator where there is none yet; false where there is. */
  addFirstOperator(operator: Operator): Promise<boolean>;
  /**
   * Changes a membership under the log's lock: `judge` sees what is and answers the change, or the membership as it stays.
   * Log, membership and announcement are one commit.
   */
  change(
    about: { readonly nodeId: string; readonly decisionId?: string },
    judge: (view: MembershipView) => MembershipChange | Membership,
  ): Promise<Membership>;
  decisions(page: {
    readonly before?: number | undefined;
    readonly limit: number;
  }): Promise<{ seq: number; decision: MembershipDecision }[]>;
  log(): Promise<(ChainEntry & { readonly hash: string })[]>;
}
