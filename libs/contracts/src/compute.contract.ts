import { z } from 'zod';
import { defineMethod } from './method.js';
import { modelVersion } from './model.contract.js';
import { instant, modelName, pageOf, pageRequest, semver, thumbprint, uuid } from './primitives.js';
import { refusal, ticketBook, ticketsInABook, transferItem, transferTicket } from './transfer.contract.js';

/**
 * A place for an inference at this runner: tickets, one an item, in order, or a book of them where they are asked for ahead. `grants` holds each grant once; an item that
 * cannot be admitted gets a refusal while the others get theirs. The content then goes to the ticket's URL by HTTP:
 *
 *   POST <url>  Authorization: Bearer <token>
 *     Content-Type application/json: an Open Inference Protocol v2 request, or `{"text": "…"}` at a `text` ticket
 *     Content-Type application/octet-stream with Inference-Header-Content-Length: v2 with binary tensors
 *
 * or many at once to <url>/batch, in the frames of `#transfer`, and is answered in the same form; a refusal is `{code, message, details?}` with status 4xx or 5xx.
 */
export const runnerReserve = defineMethod({
  name: 'runner-reserve',
  service: 'runner',
  request: z.object({
    grants: z.array(z.string().max(4096)).min(1).max(256),
    items: z
      .array(
        transferItem.extend({
          model: modelName,
          version: semver.optional(),
          form: z.enum(['tensors', 'text']),
          /** So many tickets for contents that may come within their life, of `sizeBytes` at most each: none takes a place until then. */
          ahead: z.number().int().min(1).max(ticketsInABook).optional(),
        }),
      )
      .min(1)
      .max(256),
  }),
  response: z.object({ items: z.array(z.union([transferTicket, ticketBook, z.object({ refusal })])) }),
  callers: ['gateway'],
  idempotent: true,
  timeoutMs: 2_000,
});

/** Pulls, verifies and loads a version; repeated while it is under way or done: the same answer. */
export const runnerLoad = defineMethod({
  name: 'runner-load',
  service: 'runner',
  request: z.object({ placementId: uuid, epoch: z.number().int().positive(), model: modelVersion }),
  response: z.object({ state: z.enum(['loading', 'ready', 'failed']), failure: refusal.optional() }),
  callers: ['orchestrator'],
  idempotent: true,
  timeoutMs: 5_000,
});

export const runnerUnload = defineMethod({
  name: 'runner-unload',
  service: 'runner',
  request: z.object({ placementId: uuid, epoch: z.number().int().positive(), name: modelName, version: semver }),
  response: z.object({ state: z.enum(['unloading', 'unloaded']) }),
  callers: ['orchestrator'],
  idempotent: true,
  timeoutMs: 5_000,
});

/** The wish that a runner serve a version, and how far it has come. */
export const placement = z.object({
  placementId: uuid,
  nodeId: thumbprint,
  model: modelName,
  version: semver,
  wanted: z.enum(['loaded', 'unloaded']),
  state: z.enum(['wanted', 'loading', 'ready', 'unloading', 'unloaded', 'failed']),
  failure: refusal.optional(),
  /** Fences late answers: only the holder of the newest epoch may move the state. */
  epoch: z.number().int().positive(),
  updatedAt: instant,
});
export type Placement = z.infer<typeof placement>;

/** Wishes a model loaded on a node, or on every runner that has room when `nodeId` is absent. */
export const orchestratorPlace = defineMethod({
  name: 'orchestrator-place',
  service: 'orchestrator',
  request: z.object({ model: modelName, version: semver.optional(), nodeId: thumbprint.optional() }),
  response: z.object({ placements: z.array(placement) }),
  callers: ['gateway'],
  idempotent: true,
  timeoutMs: 5_000,
});

export const orchestratorDisplace = defineMethod({
  name: 'orchestrator-displace',
  service: 'orchestrator',
  request: z.object({ model: modelName, version: semver.optional(), nodeId: thumbprint.optional() }),
  response: z.object({ placements: z.array(placement) }),
  callers: ['gateway'],
  idempotent: true,
  timeoutMs: 5_000,
});

/** Versions that one question names at most; who has more asks again. */
export const maxPlacedVersions = 1_000;

/**
 * Whether a node is to serve one of these versions now. The registry asks before it gives a runner a model's file: a runner
 * gets what was placed on it and nothing else.
 */
export const orchestratorPlaced = defineMethod({
  name: 'orchestrator-placed',
  service: 'orchestrator',
  request: z.object({
    nodeId: thumbprint,
    versions: z
      .array(z.object({ model: modelName, version: semver }))
      .min(1)
      .max(maxPlacedVersions),
  }),
  response: z.object({ placed: z.boolean() }),
  callers: ['registry'],
  idempotent: true,
  timeoutMs: 2_000,
});

export const orchestratorPlacements = defineMethod({
  name: 'orchestrator-placements',
  service: 'orchestrator',
  request: pageRequest.extend({ model: modelName.optional() }),
  response: pageOf(placement),
  callers: ['gateway'],
  idempotent: true,
  timeoutMs: 3_000,
});
