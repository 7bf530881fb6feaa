import { z } from 'zod';
import { documentSignature, publicJwk } from './documents.js';
import { defineBroadcast, defineMethod } from './method.js';
import { instant, pageOf, pageRequest, serviceName, sha256, thumbprint, uuid } from './primitives.js';

export const operator = z.object({ operatorId: thumbprint, name: z.string().max(80), key: publicJwk, since: instant });
export type Operator = z.infer<typeof operator>;

/** `admitted` may serve · `paused` keeps its membership and gets no work · `expelled` is refused everywhere. */
export const membershipState = z.enum(['admitted', 'paused', 'expelled']);
export type MembershipState = z.infer<typeof membershipState>;

export const membership = z.object({
  nodeId: thumbprint,
  operatorId: thumbprint,
  state: membershipState,
  reason: z.string().max(400),
  /** Rises with every decision on this node; a lower one that arrives late changes nothing. */
  epoch: z.number().int().positive(),
  decidedAt: instant,
  decidedBy: thumbprint,
});
export type Membership = z.infer<typeof membership>;

/** Operators and memberships as they are now; who caches them listens to `membership-changed`. */
export const governanceMembers = defineMethod({
  name: 'governance-members',
  service: 'governance',
  request: z.object({}),
  response: z.object({
    operators: z.array(operator),
    memberships: z.array(membership),
    /** Who was voted out, with the keys by which what they signed before can still be checked. */
    formerOperators: z.array(operator).optional(),
  }),
  callers: ['gateway', 'registry', 'runner'],
  idempotent: true,
  timeoutMs: 3_000,
});

/**
 * Asks whether a node whose manifest an operator of this cluster signed belongs to it. The first such question admits
 * it; an expelled node stays expelled.
 */
export const governanceAdmit = defineMethod({
  name: 'governance-admit',
  service: 'governance',
  request: z.object({
    nodeId: thumbprint,
    operatorId: thumbprint,
    /** What its manifest declares: refused (`manifest_invalid`) beyond what its logins were made for. */
    services: z.array(serviceName).optional(),
  }),
  response: z.object({ membership }),
  callers: ['index'],
  idempotent: true,
  timeoutMs: 3_000,
});

/**
 * A decision as a cluster of one operator made it before there were ballots. Logs still hold some, and they count as long
 * as there was one operator; nobody makes them any more.
 */
export const membershipDecision = z.object({
  type: z.literal('watershed/membership-decision'),
  decisionId: uuid,
  nodeId: thumbprint,
  state: membershipState,
  reason: z.string().min(1).max(400),
  decidedAt: instant,
  operatorId: thumbprint,
  signatures: z.array(documentSignature).length(1),
});
export type MembershipDecision = z.infer<typeof membershipDecision>;

export const proposalKind = z.enum(['operator-add', 'operator-remove', 'node-exclude', 'node-pause', 'node-readmit']);
export type ProposalKind = z.infer<typeof proposalKind>;

/** What an operator asks the others to decide, signed by them (purpose `operator`, addressed to the cluster). */
export const proposal = z.object({
  type: z.literal('watershed/proposal'),
  proposalId: uuid,
  clusterId: thumbprint,
  kind: proposalKind,
  /** The operator or node that it is about. */
  subject: thumbprint,
  /** Who is to become an operator; `subject` is the thumbprint of the key. */
  candidate: z.object({ name: z.string().min(1).max(80), key: publicJwk }).optional(),
  reason: z.string().min(1).max(400),
  /** Who may vote: all operators at the opening, in the order of their ids. More than half of them must be for it. */
  operators: z.array(thumbprint).min(1).max(200),
  openedBy: thumbprint,
  openedAt: instant,
  closesAt: instant,
  signatures: z.array(documentSignature).length(1),
});
export type Proposal = z.infer<typeof proposal>;

export const ballotChoice = z.enum(['for', 'against']);
export type BallotChoice = z.infer<typeof ballotChoice>;

/** One operator's vote, signed by them (purpose `operator`, addressed to the cluster). */
export const ballot = z.object({
  type: z.literal('watershed/ballot'),
  proposalId: uuid,
  /** SHA-256 of the JCS form of the proposal without its signatures: the very text that was voted on. */
  proposalDigest: sha256,
  choice: ballotChoice,
  operatorId: thumbprint,
  castAt: instant,
  signatures: z.array(documentSignature).length(1),
});
export type Ballot = z.infer<typeof ballot>;

/** `superseded`: what it is about was decided otherwise meanwhile. `expired` shows with time and stands in no log. */
export const proposalState = z.enum(['open', 'passed', 'rejected', 'superseded', 'expired']);
export type ProposalState = z.infer<typeof proposalState>;

/** Where a proposal stands after one entry of the log; with the one that decided it, what it came to. */
export const tally = z.object({
  proposalId: uuid,
  state: proposalState,
  for: z.number().int().nonnegative(),
  against: z.number().int().nonnegative(),
  /** Ballots for it that make it pass. */
  needed: z.number().int().positive(),
  membership: membership.optional(),
  /** Ids of the operators from then on. */
  operators: z.array(thumbprint).optional(),
});
export type Tally = z.infer<typeof tally>;

export const proposalRecord = z.object({
  proposal,
  /** What ballots name as `proposalDigest`. */
  digest: sha256,
  tally,
  ballots: z.array(ballot),
  decidedAt: instant.optional(),
});
export type ProposalRecord = z.infer<typeof proposalRecord>;

export const logEntryKind = z.enum(['operator', 'admission', 'decision', 'proposal', 'ballot']);

/** One thing that was recorded, with its place in the chain. */
export const logEntry = z.object({
  seq: z.number().int().positive(),
  kind: logEntryKind,
  document: z.looseObject({}),
  /** What it came to; null where it changes nothing but the list of operators' beginning. */
  outcome: z.looseObject({}).nullable(),
  /** `hash` of the entry before; 64 zeros at the first. */
  previousHash: sha256,
  recordedAt: instant,
  /** SHA-256 of the JCS form of all other members, hex. */
  hash: sha256,
});
export type LogEntry = z.infer<typeof logEntry>;

export const governancePropose = defineMethod({
  name: 'governance-propose',
  service: 'governance',
  request: z.object({ proposal }),
  response: z.object({ tally }),
  callers: ['gateway'],
  idempotent: true,
  timeoutMs: 5_000,
});

export const governanceVote = defineMethod({
  name: 'governance-vote',
  service: 'governance',
  request: z.object({ ballot }),
  response: z.object({ tally }),
  callers: ['gateway'],
  idempotent: true,
  timeoutMs: 5_000,
});

export const governanceProposal = defineMethod({
  name: 'governance-proposal',
  service: 'governance',
  request: z.object({ proposalId: uuid }),
  response: proposalRecord,
  callers: ['gateway'],
  idempotent: true,
  timeoutMs: 3_000,
});

/** Newest first. */
export const governanceProposals = defineMethod({
  name: 'governance-proposals',
  service: 'governance',
  request: pageRequest,
  response: pageOf(proposalRecord),
  callers: ['gateway'],
  idempotent: true,
  timeoutMs: 3_000,
});

/** The log from the entry after `after` on, oldest first, for those who count for themselves. */
export const governanceLog = defineMethod({
  name: 'governance-log',
  service: 'governance',
  request: z.object({
    after: z.number().int().nonnegative().default(0),
    limit: z.number().int().min(1).max(200).default(100),
  }),
  response: z.object({ entries: z.array(logEntry), head: z.object({ seq: z.number().int(), hash: sha256 }) }),
  callers: ['index', 'gateway'],
  idempotent: true,
  timeoutMs: 3_000,
});

export const membershipChanged = defineBroadcast({
  name: 'membership-changed',
  payload: z.object({ membership }),
  senders: ['governance'],
});

/** The log has grown to this entry. Whoever counts for themselves reads it. */
export const governanceLogGrew = defineBroadcast({
  name: 'governance-log-grew',
  payload: z.object({ seq: z.number().int().positive() }),
  senders: ['governance'],
});
