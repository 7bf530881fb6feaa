import { z } from 'zod';
import { region } from './primitives.js';

/** Where a person's data may lie and go. Absent members narrow nothing. */
export const dataLocationPolicy = z.object({
  /** Regions (with all under them) that may hold or see the data. */
  allowedRegions: z.array(region).min(1).max(32),
  /** If set, the data's resting place must lie here. */
  requiredRegion: region.optional(),
  crossBorderAllowed: z.boolean().default(false),
  encryptionRequired: z.boolean().default(false),
  retention: z
    .object({
      maxAgeSeconds: z.number().int().positive().optional(),
      deleteOnRevoke: z.boolean().default(false),
      legalHold: z.boolean().default(false),
    })
    .default({ deleteOnRevoke: false, legalHold: false }),
});
export type DataLocationPolicy = z.infer<typeof dataLocationPolicy>;

/** What would be done with the data. */
export const policyAction = z.enum(['infer', 'store', 'read', 'replicate', 'backup', 'export', 'forward']);
export type PolicyAction = z.infer<typeof policyAction>;
