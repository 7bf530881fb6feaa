import { z } from 'zod';
import { dataLocationPolicy, pageRequest } from '#contracts';
import { errorCodes } from '#errors';
import { named, namedRequest } from './api-schema.js';

export const problemSchema = named(
  'Problem',
  z.object({
    type: z.string().describe('`urn:watershed:problem:<code>`'),
    title: z.string().describe('The same for every problem of this code'),
    status: z.number().int(),
    detail: z.string().describe('What to change, for people; its words may change'),
    code: z.enum(errorCodes).describe('Stable: match this'),
    instance: z.string().describe('`urn:uuid:<Watershed-Request-Id>`'),
    details: z
      .record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null(), z.array(z.string())]))
      .optional(),
    retryAfterMs: z.number().int().optional(),
    error: z
      .string()
      .optional()
      .describe('Under /v2 only, the same as `detail`: what clients of the Open Inference Protocol read'),
  }),
);

export const policySchema = named('DataLocationPolicy', dataLocationPolicy);
/** The same as it may be sent, without what has a default. */
export const policyRequest = namedRequest('DataLocationPolicyRequest', z.strictObject(dataLocationPolicy.shape));

/** `cursor` and `limit` of a listing, as they stand in a query. */
export const pageQuery = pageRequest.extend({ limit: z.coerce.number().int().min(1).max(200).default(50) });
export type PageQuery = z.output<typeof pageQuery>;
