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
    invitation: z.string().max(80).optional().describe('The one-use code of an operator, where signing up takes one'),
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

export const personStateSchema = named(
  'PersonState',
  z.object({
    person: personSchema,
    closedAt: instant.optional(),
    erasedAt: instant.optional().describe('When no pod and no money of theirs was left'),
  }),
);

export const closeBody = namedRequest(
  'CloseAccount',
  z.strictObject({ confirm: uuid.describe('Your own person id, to say that you mean it') }),
);
export const closedSchema = named('ClosedAccount', z.object({ personId: uuid, closedAt: instant }));

export const invitationSchema = named(
  'Invitation',
  z.object({
    invitationId: uuid,
    label,
    state: z.enum(['open', 'redeemed', 'revoked', 'expired']),
    createdBy: uuid,
    createdAt: instant,
    expiresAt: instant,
    redeemedAt: instant.optional(),
    redeemedBy: uuid.optional(),
  }),
);
export const issuedInvitation = named(
  'IssuedInvitation',
  invitationSchema.extend({
    code: z.string().optional().describe('Shown this once; absent in the answer to a repeated request'),
  }),
);
export const invitationsPage = named('InvitationsPage', pageOf(invitationSchema));
export const inviteBody = namedRequest(
  'Invite',
  z.strictObject({
    label: label.default('').describe('A note of yours'),
    expiresInHours: z.number().int().min(1).max(2_160).default(168),
  }),
);

export const recoverBody = namedRequest(
  'Recover',
  z.strictObject({ personId: uuid, recoveryCode: z.string().max(80) }),
);
export const setRoleBody = namedRequest('SetRole', z.strictObject({ role: z.enum(['person', 'auditor']) }));
export const peoplePage = named('PeoplePage', pageOf(personSchema));
