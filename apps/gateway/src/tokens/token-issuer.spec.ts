import { createPrivateKey } from 'node:crypto';
import { SignJWT } from 'jose';
import { isWatershedError } from '#errors';
import { generateSigil, type Sigil } from '#sigil';
import { AccessDirectory } from '../auth/engine/access-directory.js';
import { OidcIssuers } from './oidc-issuers.js';
import { BearerTokens } from './token-authentication.js';
import { TokenIssuer } from './token-issuer.js';

const clusterId = 'C'.repeat(43);
const personId = '01890000-0000-7000-8000-000000000001';
const keyId = '01890000-0000-7000-8000-000000000002';

describe('tokens of our own', () => {
  let sigil: Sigil;
  let issuer: TokenIssuer;

  beforeAll(async () => {
    sigil = await generateSigil('token');
    issuer = new TokenIssuer({ sigil, clusterId, lifetimeSeconds: 300, trusted: () => [] });
  });

  interface Forgery {
    typ?: string;
    aud?: string;
    iss?: string;
    purpose?: string;
    expiresIn?: number;
  }
  /** As the gateway's own key would sign it, but for one member. */
  const signed = ({ typ = 'at+jwt', aud, iss, purpose = 'token', expiresIn = 60 }: Forgery, by = sigil) =>
    new SignJWT({ scope: 'infer', key: keyId })
      .setProtectedHeader({ alg: 'EdDSA', typ, kid: by.thumbprint, purpose })
      .setIssuer(iss ?? issuer.issuer)
      .setAudience(aud ?? issuer.audience)
      .setSubject(personId)
      .setJti('1')
      .setExpirationTime(Math.floor(Date.now() / 1000) + expiresIn)
      .sign(createPrivateKey({ key: { ...by.exportPrivateJwk() }, format: 'jwk' }));
  const codeOf = (token: string) =>
    issuer.verify(token).then(
      () => 'taken',
      (error: unknown) => (isWatershedError(error) ? error.code : 'other'),
    );

  it('are taken as they were issued', async () => {
    const { token } = await issuer.issue({ personId, keyId, scopes: ['infer'] });
    await expect(issuer.verify(token)).resolves.toMatchObject({ personId, keyId, scopes: ['infer'] });
    expect(await codeOf(await signed({}))).toBe('taken');
  });

  it.each<[string, Forgery, string]>([
    ['of another audience', { aud: `urn:watershed:bridge:${clusterId}` }, 'token_invalid'],
    ['of another cluster', { iss: `urn:watershed:cluster:${'D'.repeat(43)}` }, 'token_invalid'],
    ['that is a document of another kind', { typ: 'grant+jwt' }, 'token_invalid'],
    ['of a key with another purpose', { purpose: 'grant' }, 'token_invalid'],
    ['that has expired', { expiresIn: -1 }, 'token_expired'],
  ])('refuse one %s, though the signature holds', async (_what, forgery, code) => {
    expect(await codeOf(await signed(forgery))).toBe(code);
  });

  it('refuse the key of a stranger', async () => {
    expect(await codeOf(await signed({}, await generateSigil('token')))).toBe('token_invalid');
  });

  it('expire also when they have been verified before, and end with their key', async () => {
    let nowMs = Date.now();
    let revokedAt: Date | undefined;
    const person = {
      personId,
      role: 'person' as const,
      homeRegion: 'EU/FR',
      policy: {
        allowedRegions: ['EU/FR'],
        crossBorderAllowed: false,
        encryptionRequired: false,
        retention: { deleteOnRevoke: false, legalHold: false },
      },
    };
    const access = new AccessDirectory({
      port: {
        key: async () => ({
          keyId,
          hash: new Uint8Array(32),
          scopes: ['infer'],
          person,
          ...(revokedAt ? { revokedAt } : {}),
        }),
        person: async () => person,
      },
      cacheTtlMs: 60_000,
      cacheSize: 10,
    });
    const bearer = new BearerTokens({
      issuer,
      foreign: new OidcIssuers([]),
      access,
      personOf: () => Promise.reject(new Error('not asked')),
      now: () => nowMs,
    });
    const token = await signed({ expiresIn: 60 });
    await expect(bearer.authenticate(token)).resolves.toMatchObject({ personId, via: 'token' });
    nowMs += 61_000;
    await expect(bearer.authenticate(token)).rejects.toMatchObject({ code: 'token_expired' });
    nowMs -= 61_000;
    await expect(bearer.authenticate(token)).resolves.toMatchObject({ personId });
    revokedAt = new Date(0);
    access.forget({ keyId });
    await expect(bearer.authenticate(token)).rejects.toMatchObject({ code: 'key_revoked' });
  });
});
