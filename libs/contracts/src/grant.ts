import { z } from 'zod';
import { dataLocationPolicy, policyAction } from './policy.js';
import { sha256, thumbprint, uuid } from './primitives.js';

/** Life of a grant; it is reused, and its verification cached, until then. */
export const grantLifetimeSeconds = 60;

/** What a grant lets a service do: something with the person's data, move and show their money, or create money for them. */
export const grantAction = z.enum([...policyAction.options, 'spend', 'fund']);
export type GrantAction = z.infer<typeof grantAction>;

/** A grant where a call carries one. */
export const grantText = z.string().max(4096);

/** Claims of a grant: what gateway lets a service do for one person. A JWT of type `grant+jwt`, signed for that purpose. */
export const grantClaims = z.object({
  iss: thumbprint, // the gateway's node id
  aud: thumbprint, // the cluster's id
  sub: uuid, // the person
  action: grantAction,
  policy: dataLocationPolicy,
  consentId: uuid.optional(),
  /** The digest of the one order that it is good for, and for nothing beside; absent: whatever its action allows. */
  order: sha256.optional(),
  jti: uuid,
  iat: z.number().int(),
  exp: z.number().int(),
});
export type GrantClaims = z.infer<typeof grantClaims>;
