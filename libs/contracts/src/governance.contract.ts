import { z } from 'zod';
import { publicJwk } from './documents.js';
import { defineBroadcast, defineMethod } from './method.js';
import { instant, pageOf, pageRequest, thumbprint, uuid } from './primitives.js';

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
  response: z.object({ operators: z.array(operator), memberships: z.array(membership) }),
  callers: ['gateway', 'index', 'registry', 'runner'],
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
  request: z.object({ nodeId: thumbprint, operatorId: thumbprint }),
  response: z.object({ membership }),
  callers: ['index'],
  idempotent: true,
  timeoutMs: 3_000,
});

/** An operator's decision on a node, signed by their key (detached JWS over the JCS form of the other members). */
export const membershipDecision = z.object({
  type: z.literal('watershed/membership-decision'),
  decisionId: uuid,
  nodeId: thumbprint,
  state: membershipState,
  reason: z.string().min(1).max(400),
  decidedAt: instant,
  operatorId: thumbprint,
  signatures: z.array(z.object({ protected: z.string(), signature: z.string() })).length(1),
});
export type MembershipDecision = z.infer<typeof membershipDecision>;

export const governanceDecide = defineMethod({
  name: 'governance-decide',
  service: 'governance',
  request: z.object({ decision: membershipDecision }),
  response: z.object({ membership }),
  callers: ['gateway'],
  idempotent: true,
  timeoutMs: 5_000,
});

export const governanceDecisions = defineMethod({
  name: 'governance-decisions',
  service: 'governance',
  request: pageRequest,
  response: pageOf(membershipDecision),
  callers: ['gateway'],
  idempotent: true,
  timeoutMs: 3_000,
});

export const membershipChanged = defineBroadcast({
  name: 'membership-changed',
  payload: z.object({ membership }),
  senders: ['governance'],
});
