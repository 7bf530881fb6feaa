import { z } from 'zod';
import { instant, pageOf, uuid } from '#contracts';
import { scopes } from '../auth/engine/scopes.js';
import { named, namedRequest } from '../http/api-schema.js';

export const keySchema = named(
  'Key',
  z.object({
    keyId: uuid,
    scopes: z.array(z.enum(scopes)),
    label: z.string(),
    first: z.boolean().describe('A first key may decide about keys and the account; others never'),
    createdAt: instant,
    expiresAt: instant.optional(),
    revokedAt: instant.optional(),
    rotatedFrom: uuid.optional(),
  }),
);
export const keysPage = named('KeysPage', pageOf(keySchema));

export const createKeyBody = namedRequest(
  'CreateKey',
  z.strictObject({
    scopes: z
      .array(z.enum(scopes))
      .min(1)
      .optional()
      .describe("The maker's own, less what decides about the account, when absent"),
    label: z.string().max(80).default(''),
    expiresAt: instant.optional(),
  }),
);
