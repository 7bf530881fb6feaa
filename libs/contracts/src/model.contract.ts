import { z } from 'zod';
import { signedDocument } from './documents.js';
import { instant, modelName, region, semver, sha256, thumbprint } from './primitives.js';

/** Data types of the Open Inference Protocol v2. */
export const tensorDatatypes = [
  'BOOL',
  'UINT8',
  'UINT16',
  'UINT32',
  'UINT64',
  'INT8',
  'INT16',
  'INT32',
  'INT64',
  'FP16',
  'FP32',
  'FP64',
  'BYTES',
] as const;
export const tensorDatatype = z.enum(tensorDatatypes);
export type TensorDatatype = z.infer<typeof tensorDatatype>;

/** A tensor as a model declares it. `shape` is without the batch dimension where `maxBatchSize` > 0; −1 is any size. */
export const tensorSpec = z.object({
  name: z.string().min(1).max(128),
  datatype: tensorDatatype,
  shape: z
    .array(
      z
        .number()
        .int()
        .min(-1)
        .max(2 ** 31 - 1),
    )
    .max(8),
});
export type TensorSpec = z.infer<typeof tensorSpec>;

/** How text becomes tensors and tensors an answer, for `POST /v1/infer`. */
export const textInterface = z.object({
  kind: z.literal('text-classification'),
  /** Takes the UTF-8 bytes of the text: UINT8, one dimension of any size. */
  inputTensor: z.string(),
  maxBytes: z.number().int().positive().max(65_536),
  /** BYTES, one label an element, aligned with `probabilitiesTensor`. */
  labelsTensor: z.string(),
  /** FP32, one probability an element. */
  probabilitiesTensor: z.string(),
});

export const modelManifestBody = {
  type: z.literal('watershed/model-manifest'),
  name: modelName,
  version: semver,
  description: z.string().max(2_000).default(''),
  licence: z.string().min(1).max(80),
  purpose: z.string().min(1).max(200),
  parameterCount: z.number().int().nonnegative(),
  /** Peak memory of loading and serving it, in bytes, as declared; the runner measures its own. */
  memoryBytes: z.number().int().positive(),
  format: z.literal('onnx'),
  maxBatchSize: z.number().int().min(0).max(1024).default(0),
  inputs: z.array(tensorSpec).min(1).max(64),
  outputs: z.array(tensorSpec).min(1).max(64),
  text: textInterface.optional(),
  /** Where the model may run; empty means anywhere. */
  regions: z.array(region).default([]),
  /** The model file. */
  blob: z.object({ sha256, sizeBytes: z.number().int().positive() }),
  publisherId: thumbprint,
  createdAt: instant,
};
/** A model's version, signed by its publisher; the registry adds its own signature when the review approves it. */
export const modelManifest = signedDocument(modelManifestBody);
export type ModelManifest = z.infer<typeof modelManifest>;

export const modelReviewState = z.enum(['submitted', 'approved', 'rejected', 'withdrawn']);

/** A version as the registry keeps it. */
export const modelVersion = z.object({
  name: modelName,
  version: semver,
  /** Triton's integer version, assigned once a digest. */
  serial: z.number().int().positive(),
  /** SHA-256 of the JCS form of the manifest without signatures. */
  digest: sha256,
  review: modelReviewState,
  manifest: modelManifest,
  createdAt: instant,
});
export type ModelVersion = z.infer<typeof modelVersion>;
