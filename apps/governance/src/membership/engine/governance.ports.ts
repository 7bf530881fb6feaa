import type { LogEntry, Membership, Operator } from '#contracts';

/** The next entry of the log, with what it changes. All of it is one commit. */
export interface LogAddition {
  readonly kind: LogEntry['kind'];
  readonly document: object;
  readonly outcome: object | null;
  /** A proposal's id where it opens one. */
  readonly opens?: string;
  /** A ballot's proposal and voter. */
  readonly vote?: { readonly proposalId: string; readonly voterId: string };
  readonly membership?: Membership;
  /** The membership lets a node in that was shut out, or the reverse. */
  readonly changesAccess?: boolean;
  readonly addsOperator?: Operator;
  readonly removesOperator?: string;
}

/** What is there while nobody else can add to the log. */
export interface LogView {
  /** The database's clock, in whole milliseconds; the entry is recorded at this instant. */
  readonly now: Date;
  entriesAfter(seq: number): Promise<LogEntry[]>;
}

export interface GovernanceStore {
  operators(): Promise<Operator[]>;
  memberships(): Promise<Membership[]>;
  membership(nodeId: string): Promise<Membership | undefined>;
  /** Oldest first, at most `limit`. */
  entriesAfter(seq: number, limit: number): Promise<LogEntry[]>;
  head(): Promise<{ seq: number; hash: string }>;
  /**
   * Adds to the log under its lock. `judge` sees what is and answers what to add, or nothing. Entry, membership, list of
   * operators and all that announces them are one commit.
   */
  append(judge: (view: LogView) => Promise<LogAddition | undefined>): Promise<void>;
}
