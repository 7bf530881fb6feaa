import { z } from 'zod';
import {
  amountMicro,
  asset,
  modelManifest,
  modelName,
  modelPrice,
  modelReviewState,
  modelVersion,
  pageOf,
  placement,
  priceList,
  registryInspect,
  semver,
  sha256,
  thumbprint,
} from '#contracts';
import { named, namedRequest } from '../http/api-schema.js';

export const priceSchema = named('Price', z.object({ baseMicro: amountMicro, perKibMicro: amountMicro, asset }));

export const modelSchema = named(
  'Model',
  modelVersion.extend({ price: priceSchema, ready: z.boolean().describe('Whether a runner serves it now') }),
);
export const modelsPage = named('ModelsPage', pageOf(modelSchema));
export const versionSchema = named('ModelVersion', modelVersion);

export const quoteBody = namedRequest(
  'QuoteRequest',
  z
    .strictObject({
      model: modelName,
      sizeBytes: z.number().int().min(0).optional().describe('Either this or `text`'),
      text: z.string().max(1_000_000).optional().describe('Either this or `sizeBytes`'),
    })
    .refine(
      ({ sizeBytes, text }) => (sizeBytes === undefined) !== (text === undefined),
      'give either sizeBytes or text',
    ),
);
export const quoteSchema = named(
  'Quote',
  z.object({ model: modelName, sizeBytes: z.number().int(), amountMicro, asset, priceListVersion: z.number().int() }),
);

export const setPriceBody = namedRequest('SetPrice', modelPrice.omit({ model: true }).strict());
export const priceListSchema = named('PriceList', priceList);

export const beginUploadBody = namedRequest(
  'BeginUpload',
  z.strictObject({ sha256, sizeBytes: z.number().int().positive() }),
);
export const uploadSchema = named(
  'Upload',
  z.object({
    sha256,
    complete: z.boolean(),
    offsetBytes: z.number().int().describe('Send from here on'),
    path: z.string().describe('PUT the bytes here'),
  }),
);
export const uploadedSchema = named('Uploaded', z.object({ sha256, complete: z.literal(true) }));
export const inspectionSchema = named('Inspection', registryInspect.response);
export const submitBody = namedRequest('SubmitModel', modelManifest);
export const reviewBody = namedRequest(
  'ReviewModel',
  z.strictObject({ review: modelReviewState.exclude(['submitted']) }),
);

export const placeBody = namedRequest(
  'Place',
  z.strictObject({ model: modelName, version: semver.optional(), nodeId: thumbprint.optional() }),
);
export const placementsSchema = named('Placements', z.object({ placements: z.array(placement) }));
export const placementsPage = named('PlacementsPage', pageOf(placement));
