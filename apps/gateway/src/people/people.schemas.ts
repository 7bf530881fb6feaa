import { z } from 'zod';
import { instant, pageOf, region, thumbprint, uuid } from '#contracts';
import { roles, scopes } from '../auth/engine/scopes.js';
import { named, namedRequest } from '../http/api-schema.js';
import { policyRequest, policySchema } from '../http/contract.schemas.js';

const label = z.string().max(80);

export const signUpBody = namedRequest(
  'SignUp',
  z.strictObject({
    homeRegion: region.optional().describe("Where the person's data is at home; this cluster's region when absent"),
    defaultPolicy: policyRequest.optional().describe('Nothing leaves the home region when absent'),
    label: label.default(''),
  }),
);

export const issuedKey = named(
  'IssuedKey',
  z.object({
    keyId: uuid,
    secret: z.string().optional().describe('Shown this once; absent in the answer to a repeated request'),
    scopes: z.array(z.enum(scopes)),
    label,
    createdAt: instant,
    expiresAt: instant.optional(),
  }),
);

const role = z.enum(roles);

export const personSchema = named(
  'Person',
  z.object({
    personId: uuid,
    role,
    homeRegion: region,
    policy: policySchema,
    label,
    operatorId: thumbprint.optional(),
    createdAt: instant,
  }),
);

export const signedUp = named(
  'SignedUp',
  z.object({
    person: personSchema,
    key: issuedKey,
    recoveryCode: z.string().optional().describe('Gives the account back once; shown this once'),
  }),
);

export const meSchema = named(
  'Me',
  z.object({
    person: personSchema,
    keyId: uuid.optional(),
    scopes: z.array(z.enum(scopes)),
    via: z.enum(['api-key', 'token', 'oidc']),
  }),
);

export const recoverBody = namedRequest(
  'Recover',
  z.strictObject({ personId: uuid, recoveryCode: z.string().max(80) }),
);
export const setRoleBody = namedRequest('SetRole', z.strictObject({ role: z.enum(['person', 'auditor']) }));
export const peoplePage = named('PeoplePage', pageOf(personSchema));
