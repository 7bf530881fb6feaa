import { createPrivateKey, type KeyObject } from 'node:crypto';
import { decodeProtectedHeader, errors, importJWK, jwtVerify, SignJWT } from 'jose';
import { uuidv7 } from 'uuidv7';
import type { PublicJwk } from '#contracts';
import { WatershedError } from '#errors';
import { type Sigil, thumbprintOf } from '#sigil';
import { isScope, type Scope } from '../auth/engine/scopes.js';

const typ = 'at+jwt';

export interface TokenClaims {
  readonly personId: string;
  readonly keyId: string;
  readonly scopes: readonly Scope[];
  readonly expiresAtMs: number;
}

export interface TokenIssuerOptions {
  readonly sigil: Sigil;
  readonly clusterId: string;
  readonly lifetimeSeconds: number;
  /** Keys of all gateways of the cluster: what one issued, the others take. */
  readonly trusted: () => readonly PublicJwk[];
}

/** Bearer tokens of our own: short-lived, for this cluster's gateways alone, and dead when their key is. */
export class TokenIssuer {
  readonly issuer: string;
  readonly audience: string;
  private readonly key: KeyObject;

  constructor(private readonly options: TokenIssuerOptions) {
    if (options.sigil.purpose !== 'token') throw new TypeError(`a key for "${options.sigil.purpose}" signs no tokens`);
    this.issuer = `urn:watershed:cluster:${options.clusterId}`;
    this.audience = `urn:watershed:gateway:${options.clusterId}`;
    const jwk = { ...options.sigil.exportPrivateJwk() };
    this.key = createPrivateKey({ key: jwk, format: 'jwk' });
  }

  async issue(claims: { personId: string; keyId: string; scopes: readonly Scope[]; lifetimeSeconds?: number }) {
    const now = Math.floor(Date.now() / 1000);
    const lifetime = Math.min(claims.lifetimeSeconds ?? this.options.lifetimeSeconds, this.options.lifetimeSeconds);
    const token = await new SignJWT({ scope: claims.scopes.join(' '), key: claims.keyId })
      .setProtectedHeader({ alg: 'EdDSA', typ, kid: this.options.sigil.thumbprint, purpose: 'token' })
      .setIssuer(this.issuer)
      .setAudience(this.audience)
      .setSubject(claims.personId)
      .setJti(uuidv7())
      .setIssuedAt(now)
      .setExpirationTime(now + lifetime)
      .sign(this.key);
    return { token, expiresInSeconds: lifetime };
  }

  /** Throws `token_invalid` or `token_expired`. */
  async verify(token: string): Promise<TokenClaims> {
    try {
      const { payload } = await jwtVerify(token, (header) => this.keyFor(header.kid, header.purpose), {
        issuer: this.issuer,
        audience: this.audience,
        typ,
        algorithms: ['EdDSA'],
        requiredClaims: ['sub', 'exp', 'jti', 'key', 'scope'],
      });
      const { sub = '', exp = 0, key, scope } = payload;
      const scopes = String(scope).split(' ').filter(isScope);
      return { personId: sub, keyId: String(key), scopes, expiresAtMs: exp * 1000 };
    } catch (error) {
      throw tokenRefusal(error);
    }
  }

  /** RFC 7517, with the keys of every gateway here. */
  jwks(): { keys: object[] } {
    const keys = new Map(this.keys().map((jwk) => [thumbprintOf(jwk), jwk]));
    return { keys: [...keys].map(([kid, jwk]) => ({ ...jwk, kid, use: 'sig', alg: 'EdDSA' })) };
  }

  private keys(): readonly PublicJwk[] {
    return [this.options.sigil.publicJwk, ...this.options.trusted()];
  }

  private async keyFor(kid: string | undefined, purpose: unknown) {
    const jwk = purpose === 'token' ? this.keys().find((each) => thumbprintOf(each) === kid) : undefined;
    if (!jwk)
      throw new WatershedError(
        'token_invalid',
        'This token was signed by a key that is not a gateway of this cluster.',
      );
    return importJWK({ ...jwk }, 'EdDSA');
  }
}

/** What jose refuses a token by, in our codes. */
export function tokenRefusal(error: unknown): unknown {
  if (error instanceof WatershedError) return error;
  if (error instanceof errors.JWTExpired)
    return new WatershedError('token_expired', 'This token has expired. Get a new one.');
  if (error instanceof errors.JOSEError) {
    return new WatershedError('token_invalid', 'This token is not valid here.', { cause: error });
  }
  return error;
}

/** Whether the text is a JWT at all; nothing of it is believed by that. */
export function looksLikeJwt(token: string): boolean {
  try {
    return typeof decodeProtectedHeader(token).alg === 'string';
  } catch {
    return false; // whatever it is, it has no header
  }
}
