import { createRemoteJWKSet, errors, jwtVerify } from 'jose';
import { WatershedError } from '#errors';
import type { OidcIssuer } from '../config.js';
import { tokenRefusal } from './token-issuer.js';

const asymmetric = ['EdDSA', 'ES256', 'ES384', 'ES512', 'RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'];

export interface ForeignIdentity {
  readonly issuer: string;
  readonly subject: string;
  readonly expiresAtMs: number;
}

/** Issuers that the operator listed. They say who someone is, never what they may do here. */
export class OidcIssuers {
  private readonly byIssuer: ReadonlyMap<string, { audience: string; keys: ReturnType<typeof createRemoteJWKSet> }>;

  constructor(issuers: readonly OidcIssuer[]) {
    const options = { timeoutDuration: 3_000, cooldownDuration: 30_000, cacheMaxAge: 600_000 };
    this.byIssuer = new Map(
      issuers.map(({ issuer, jwksUri, audience }) => [
        issuer,
        { audience, keys: createRemoteJWKSet(new URL(jwksUri), options) },
      ]),
    );
  }

  knows(issuer: string | undefined): issuer is string {
    return issuer !== undefined && this.byIssuer.has(issuer);
  }

  /** Throws `token_invalid`, `token_expired`, or `deadline_exceeded` when the issuer's keys cannot be had. */
  async verify(issuer: string, token: string): Promise<ForeignIdentity> {
    const known = this.byIssuer.get(issuer);
    if (!known) throw new WatershedError('token_invalid', 'No issuer of this name is accepted here.');
    try {
      const { payload } = await jwtVerify(token, known.keys, {
        issuer,
        audience: known.audience,
        algorithms: asymmetric,
        clockTolerance: 5,
        requiredClaims: ['sub', 'exp'],
      });
      const { sub, exp = 0 } = payload;
      if (!sub || sub.length > 255)
        throw new WatershedError('token_invalid', 'This token names no subject that can be kept.');
      return { issuer, subject: sub, expiresAtMs: exp * 1000 };
    } catch (error) {
      throw isOfToken(error) ? tokenRefusal(error) : issuerSilent(error);
    }
  }
}

/** Whether the token itself is at fault; else its issuer's keys could not be had. */
function isOfToken(error: unknown): boolean {
  if (error instanceof WatershedError) return true;
  return (
    error instanceof errors.JOSEError && !(error instanceof errors.JWKSTimeout) && error.code !== 'ERR_JOSE_GENERIC'
  );
}

const issuerSilent = (cause: unknown) =>
  new WatershedError('deadline_exceeded', 'The keys of the issuer of this token could not be fetched. Try again.', {
    retryAfterMs: 5_000,
    cause,
  });
