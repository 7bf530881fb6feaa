import { z } from 'zod';
import { dataLocationPolicy, policyAction } from './policy.js';
import { thumbprint, uuid } from './primitives.js';

/** Life of a grant; it is reused, and its verification cached, until then. */
export const grantLifetimeSeconds = 60;

/** Claims of a grant: what gateway lets a service do for one person. A JWT of type `grant+jwt`, signed for that purpose. */
export const grantClaims = z.object({
  iss: thumbprint, // the gateway's node id
  aud: thumbprint, // the cluster's id
  sub: uuid, // the person
  action: policyAction,
  policy: dataLocationPolicy,
  consentId: uuid.optional(),
  jti: uuid,
  iat: z.number().int(),
  exp: z.number().int(),
});
export type GrantClaims = z.infer<typeof grantClaims>;
