import { z } from 'zod';
import { defineBroadcast, defineMethod } from './method.js';
import { modelManifest, modelReviewState, modelVersion } from './model.contract.js';
import { modelName, pageOf, pageRequest, semver, sha256 } from './primitives.js';
import { transferTicket } from './transfer.contract.js';

/**
 * Asks to send a blob. `complete` where the registry has it already; else a ticket: PUT the bytes to it, from
 * `offsetBytes` on (an upload that broke goes on where it stopped). The bytes are verified while they stream.
 */
export const registryBeginUpload = defineMethod({
  name: 'registry-begin-upload',
  service: 'registry',
  request: z.object({ sha256, sizeBytes: z.number().int().positive() }),
  response: z.object({
    complete: z.boolean(),
    offsetBytes: z.number().int().nonnegative(),
    ticket: transferTicket.optional(),
  }),
  callers: ['gateway'],
  idempotent: true,
  timeoutMs: 5_000,
});

/** Submits a version: signature, blob and ONNX content are checked against the manifest. The same again is the same. */
export const registrySubmit = defineMethod({
  name: 'registry-submit',
  service: 'registry',
  request: z.object({ manifest: modelManifest }),
  response: modelVersion,
  callers: ['gateway'],
  idempotent: true,
  timeoutMs: 60_000,
});

/** Reads what a manifest needs out of an uploaded ONNX file, so that a publisher need not know it. */
export const registryInspect = defineMethod({
  name: 'registry-inspect',
  service: 'registry',
  request: z.object({ sha256 }),
  response: modelManifest
    .pick({ inputs: true, outputs: true, parameterCount: true, memoryBytes: true, maxBatchSize: true, blob: true })
    .extend({ operators: z.array(z.string()), opset: z.number().int() }),
  callers: ['gateway'],
  idempotent: true,
  timeoutMs: 60_000,
});

/** The review's outcome; approval adds the registry's signature and makes the version distributable. */
export const registryReview = defineMethod({
  name: 'registry-review',
  service: 'registry',
  request: z.object({
    name: modelName,
    version: semver,
    review: modelReviewState.exclude(['submitted']),
    reviewer: z.string(),
  }),
  response: modelVersion,
  callers: ['gateway'],
  idempotent: true,
  timeoutMs: 5_000,
});

/** One version; the newest approved one when `version` is absent. */
export const registryModel = defineMethod({
  name: 'registry-model',
  service: 'registry',
  request: z.object({ name: modelName, version: semver.optional() }),
  response: modelVersion,
  callers: ['gateway', 'orchestrator'],
  idempotent: true,
  timeoutMs: 3_000,
});

export const registryModels = defineMethod({
  name: 'registry-models',
  service: 'registry',
  request: pageRequest.extend({ review: modelReviewState.optional() }),
  response: pageOf(modelVersion),
  callers: ['gateway'],
  idempotent: true,
  timeoutMs: 3_000,
});

/**
 * A ticket to GET a blob of an approved version that is placed on the caller (Range requests resume). `blob_unknown`: no
 * approved version has it; `caller_not_allowed`: none that has it is placed on this runner.
 */
export const registryPull = defineMethod({
  name: 'registry-pull',
  service: 'registry',
  request: z.object({ sha256 }),
  response: z.object({ ticket: transferTicket, sizeBytes: z.number().int().positive() }),
  callers: ['runner'],
  idempotent: true,
  timeoutMs: 5_000,
});

export const modelsChanged = defineBroadcast({
  name: 'models-changed',
  payload: z.object({ name: modelName, version: semver, review: modelReviewState }),
  senders: ['registry'],
});
