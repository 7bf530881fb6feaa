/** Outbox streams: the log's growth, memberships in the order of their decisions, and one a node to be shut out. */
export const logStream = 'log';
export const membershipStream = 'membership';
export const accessKind = 'access';

/** A stream of its own each: a node whose logins cannot be taken yet holds up no other's. */
export const accessStreamOf = (nodeId: string): string => `${accessKind}:${nodeId}`;
