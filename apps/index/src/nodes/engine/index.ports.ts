import type { NodeRanges } from '#config';
import type {
  LogEntry,
  Membership,
  MembershipState,
  NodeHealth,
  NodeId,
  NodeManifest,
  PublicJwk,
  Revision,
  ServiceName,
} from '#contracts';

/** A node's row. */
export interface StoredNode {
  readonly nodeId: NodeId;
  readonly manifest: NodeManifest;
  readonly health: NodeHealth;
  readonly membership: MembershipState;
  /** 0: governance has not been asked yet. */
  readonly membershipEpoch: number;
  readonly joinedAt: Date;
  readonly lastSeenAt: Date;
}

/** State that a change starts from; another one in the store means that somebody else was first. */
export interface ExpectedState {
  readonly health: NodeHealth;
  readonly membershipEpoch: number;
}

export interface NewState {
  readonly health: NodeHealth;
  readonly membership?: MembershipState;
  readonly membershipEpoch?: number;
  /** When it was last heard. */
  readonly seenAt: Date;
}

/**
 * The nodes and the stream of their changes, shared by all index instances. Every change and its number in the stream
 * are one transaction. Errors: `database_unavailable`, `storage_full`.
 */
export interface NodeStore {
  revision(): Promise<Revision>;
  /** What changed after `since`, all where it is absent or cannot be followed; consistent with the revision returned. */
  changesSince(since: Revision | undefined): Promise<{ revision: Revision; snapshot: boolean; nodes: StoredNode[] }>;
  find(nodeId: NodeId): Promise<StoredNode | undefined>;
  /**
   * Writes a join. Undefined where the node has been expelled, by epoch `membershipEpoch` or a later one. Throws
   * `node_address_taken`, with nothing written, where `refuseTaken` does: of two nodes that claim one address at once, at
   * whichever instances, one is refused.
   */
  join(node: {
    manifest: NodeManifest;
    membership: MembershipState;
    membershipEpoch: number;
    now: Date;
  }): Promise<Revision | undefined>;
  /** Compare-and-set; undefined where the state was not the expected one. */
  move(nodeId: NodeId, from: ExpectedState, to: NewState): Promise<Revision | undefined>;
  /** Deletes nodes that went, fell asleep or died before `before`; undefined where there were none. */
  prune(before: Date): Promise<Revision | undefined>;
}

/** How long ago nodes were heard by any index instance, in ms; nodes not heard within its memory are absent. */
export type HeardAges = ReadonlyMap<NodeId, number>;

/** What index instances tell each other of whom they hear; expires by itself. */
export interface PresenceBoard {
  /** Tells whom this instance heard since the last time, and learns what all have. */
  exchange(heard: HeardAges): Promise<HeardAges>;
}

/** Governance, or why it cannot be asked: throws `no_node_available`, `node_unreachable`, `deadline_exceeded` …. */
export interface GovernancePort {
  admit(nodeId: NodeId, operatorId: string, services: readonly ServiceName[]): Promise<Membership>;
  /** Entries of its log after this one, oldest first; none where there are no more. */
  log(after: number): Promise<LogEntry[]>;
}

/** A place in governance's log. */
export interface CountedHead {
  readonly seq: number;
  readonly hash: string;
}

/** How far governance's log was counted, shared by all index instances. */
export interface DecisionHeads {
  read(): Promise<CountedHead | undefined>;
  /** Moves on, never back. */
  advance(head: CountedHead): Promise<void>;
}

/** Tells watchers that the stream has moved. */
export interface ChangeAnnouncer {
  changed(revision: Revision): void;
}

export interface IndexSettings {
  readonly clusterId: string;
  /** Nodes must lie in it or under it. */
  readonly region: string;
  /** The operator of the cluster's genesis: trusted before governance can be asked. */
  readonly genesisOperator: PublicJwk;
  /** Where nodes may take content. */
  readonly nodeRanges: NodeRanges;
  readonly heartbeatIntervalMs: number;
  readonly suspectAfterMs: number;
  readonly deadAfterMs: number;
  /** Nodes that went, fell asleep or died this long ago are forgotten. */
  readonly forgetAfterMs: number;
}

export interface IndexLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** What the systems of the engine share. */
export interface IndexResources {
  readonly settings: IndexSettings;
  readonly store: NodeStore;
  readonly board: PresenceBoard;
  readonly governance: GovernancePort;
  readonly heads: DecisionHeads;
  readonly announcer: ChangeAnnouncer;
  readonly log: IndexLog;
  /** Milliseconds that never run backwards. */
  readonly now: () => number;
  readonly wallClock: () => Date;
}
