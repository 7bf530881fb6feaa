import { createHash } from 'node:crypto';
import { decodeJwt } from 'jose';
import { LRUCache } from 'lru-cache';
import { WatershedError } from '#errors';
import type { AccessDirectory } from '../auth/engine/access-directory.js';
import type { PersonRecord, Principal } from '../auth/engine/principal.js';
import { firstKeyScopes, type Scope } from '../auth/engine/scopes.js';
import type { TokenAuthentication } from '../auth/passport.strategies.js';
import type { ForeignIdentity, OidcIssuers } from './oidc-issuers.js';
import { looksLikeJwt, type TokenClaims, type TokenIssuer } from './token-issuer.js';

type Verified = { readonly own: TokenClaims } | { readonly own?: undefined; readonly foreign: ForeignIdentity };

/** Scopes by a foreign token: a person's own, as their first key would hold. */
const personScopes: ReadonlySet<Scope> = new Set(firstKeyScopes('person'));

/**
 * Bearer tokens, ours and those of listed issuers. A signature is verified once a token; whether its key and its person
 * still stand is asked every time.
 */
export class BearerTokens implements TokenAuthentication {
  private readonly verified = new LRUCache<string, Verified>({ max: 10_000 });

  constructor(
    private readonly parts: {
      readonly issuer: TokenIssuer;
      readonly foreign: OidcIssuers;
      readonly access: AccessDirectory;
      readonly personOf: (issuer: string, subject: string) => Promise<PersonRecord>;
      readonly now?: () => number;
    },
  ) {}

  async authenticate(token: string): Promise<Principal> {
    const name = createHash('sha256').update(token).digest('base64');
    const known = this.verified.get(name);
    const verified = known ?? (await this.verify(token));
    const { expiresAtMs } = verified.own ?? verified.foreign;
    if (expiresAtMs <= (this.parts.now?.() ?? Date.now())) {
      this.verified.delete(name);
      throw new WatershedError('token_expired', 'This token has expired. Get a new one.');
    }
    if (!known) this.verified.set(name, verified);
    return verified.own ? this.byKey(verified.own) : this.byIdentity(verified.foreign);
  }

  private async verify(token: string): Promise<Verified> {
    if (!looksLikeJwt(token)) {
      throw new WatershedError('token_invalid', 'This bearer is neither an API key of ours nor a token.');
    }
    const issuer = issuerOf(token);
    if (this.parts.foreign.knows(issuer)) return { foreign: await this.parts.foreign.verify(issuer, token) };
    return { own: await this.parts.issuer.verify(token) };
  }

  private async byKey(claims: TokenClaims): Promise<Principal> {
    const holder = await this.parts.access.principalOfKey(claims.keyId);
    if (holder.personId !== claims.personId) throw new WatershedError('token_invalid', 'This token is not valid here.');
    return { ...holder, scopes: new Set(claims.scopes.filter((scope) => holder.scopes.has(scope))), via: 'token' };
  }

  private async byIdentity(identity: ForeignIdentity): Promise<Principal> {
    const { personId } = await this.parts.personOf(identity.issuer, identity.subject);
    const { role, homeRegion, policy } = await this.parts.access.person(personId);
    return { personId, role, homeRegion, policy, scopes: personScopes, via: 'oidc' };
  }
}

/** Read without verifying, only to know by whose keys to verify. */
function issuerOf(token: string): string | undefined {
  try {
    return decodeJwt(token).iss;
  } catch {
    return undefined; // refused by the verification that follows
  }
}
