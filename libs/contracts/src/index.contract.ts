import { z } from 'zod';
import { nodeManifest } from './documents.js';
import { membershipState } from './governance.contract.js';
import { defineBroadcast, defineMethod } from './method.js';
import { instant, modelName, semver, serviceNames, thumbprint } from './primitives.js';

/** What a node says of itself every second. Never trusted for identity or health, only for choosing among nodes. */
export const nodeLoad = z.object({
  inFlight: z.number().int().nonnegative(),
  capacity: z.number().int().positive(),
  /** Event-loop delay, 99th percentile over the last second. */
  loopDelayMs: z.number().nonnegative(),
  freeModelMemoryBytes: z.number().int().nonnegative().optional(),
  draining: z.boolean().default(false),
});
export type NodeLoad = z.infer<typeof nodeLoad>;

/** A model that a runner can serve right now. */
export const servedModel = z.object({ name: modelName, version: semver, digest: z.string(), ready: z.boolean() });
export type ServedModel = z.infer<typeof servedModel>;

/** `alive` heard lately · `suspect` silent, may refute · `asleep` by plan · `dead` silent too long · `left` · `expelled` */
export const nodeHealth = z.enum(['alive', 'suspect', 'asleep', 'dead', 'left', 'expelled']);
export type NodeHealth = z.infer<typeof nodeHealth>;

/** A node as the index knows it. `health` and `lastSeenAt` are measured, never declared. */
export const nodeEntry = z.object({
  nodeId: thumbprint,
  manifest: nodeManifest,
  health: nodeHealth,
  /** Governance's decision; `paused` nodes stay members and get no work. */
  membership: membershipState.default('admitted'),
  load: nodeLoad.optional(),
  models: z.array(servedModel).default([]),
  joinedAt: instant,
  lastSeenAt: instant,
});
export type NodeEntry = z.infer<typeof nodeEntry>;

/** A place in the ordered stream of changes. Another epoch than one's own means: start again from a snapshot. */
export const revision = z.object({ epoch: z.string(), n: z.number().int().nonnegative() });
export type Revision = z.infer<typeof revision>;

/** Joins, or renews a manifest. Idempotent by the manifest's content. */
export const indexJoin = defineMethod({
  name: 'index-join',
  service: 'index',
  request: z.object({ manifest: nodeManifest }),
  response: z.object({ revision, heartbeatIntervalMs: z.number().int(), suspectAfterMs: z.number().int() }),
  callers: serviceNames,
  idempotent: true,
  timeoutMs: 5_000,
});

/** Leaves by plan: `asleep` nodes are expected back, `left` ones are not. */
export const indexLeave = defineMethod({
  name: 'index-leave',
  service: 'index',
  request: z.object({ health: z.enum(['asleep', 'left']) }),
  response: z.object({}),
  callers: serviceNames,
  idempotent: true,
  timeoutMs: 2_000,
});

/** All that changed after `since`; a snapshot when `since` is absent, of another epoch, or too old. */
export const indexChanges = defineMethod({
  name: 'index-changes',
  service: 'index',
  request: z.object({ since: revision.optional() }),
  response: z.object({ revision, snapshot: z.boolean(), nodes: z.array(nodeEntry) }),
  callers: serviceNames,
  idempotent: true,
  timeoutMs: 5_000,
});

/**
 * Takes or renews a claim on something that serves one node at a time, or lets it go. The caller's own claim only, read
 * from the channel. Answers who holds it then: nobody after a release by its holder.
 */
export const indexClaim = defineMethod({
  name: 'index-claim',
  service: 'index',
  request: z.object({
    /** A kind and a hash: never an address, which might be a secret. */
    resource: z.string().regex(/^[a-z]{1,16}-[A-Za-z0-9_-]{43}$/),
    wanted: z.enum(['taken', 'released']),
    ttlMs: z.number().int().min(10).max(120_000),
  }),
  response: z.object({ holder: z.string().optional() }),
  callers: ['runner'],
  idempotent: true,
  timeoutMs: 2_000,
});

export const heartbeat = defineBroadcast({
  name: 'heartbeat',
  payload: z.object({
    n: z.number().int().nonnegative(),
    load: nodeLoad,
    models: z.array(servedModel).default([]),
  }),
  senders: serviceNames,
});

/** A nudge that the stream has moved; watchers then ask for `index-changes`. */
export const indexChanged = defineBroadcast({
  name: 'index-changed',
  payload: z.object({ revision }),
  senders: ['index'],
});
