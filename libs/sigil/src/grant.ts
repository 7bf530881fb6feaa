import { LRUCache } from 'lru-cache';
import {
  type GrantAction,
  type GrantClaims,
  grantClaims,
  grantLifetimeSeconds,
  type MoneyOrder,
  moneyOrder,
  type NodeId,
  type PublicJwk,
} from '#contracts';
import { WatershedError } from '#errors';
import { digestOf, fromBase64Url, toBase64Url } from './canonical.js';
import { type Sigil, thumbprintOf, verifySignature } from './sigil.js';

const grantTyp = 'grant+jwt';
const maxGrantLength = 4096;
/** How far two machines' clocks of one cluster may differ. */
const clockToleranceSeconds = 5;

/** A grant as a compact JWT (RFC 7519), signed for the purpose `grant`. */
export async function signGrant(claims: GrantClaims, sigil: Sigil): Promise<string> {
  if (sigil.purpose !== 'grant') throw new TypeError(`a key for "${sigil.purpose}" signs no grants`);
  const header = { alg: 'EdDSA', typ: grantTyp, kid: sigil.thumbprint, purpose: 'grant' };
  const input = `${encodeJson(header)}.${encodeJson(grantClaims.parse(claims))}`;
  return `${input}.${toBase64Url(await sigil.sign(Buffer.from(input, 'ascii')))}`;
}

/** What a grant to `fund` names as its order: everything that the creation of money consists of. */
export function moneyOrderDigest(order: MoneyOrder): string {
  return digestOf({ type: 'watershed/money-order', ...moneyOrder.parse(order) });
}

export interface GrantVerifierOptions {
  /** The grant keys of a node that may issue grants, as its manifest lists them now; none for anyone else. */
  readonly keysFor: (issuer: NodeId) => readonly PublicJwk[];
  readonly clusterId: string;
  /** How many verified grants are remembered. */
  readonly cacheSize?: number;
  readonly now?: () => number;
}

interface Verified {
  readonly claims: GrantClaims;
  readonly keyX: string;
}

/**
 * Verifies grants, each signature once. A grant is remembered by its whole text until it expires, and for as long as
 * its issuer still lists the key: an expelled gateway's grants die with its entry, not with the cache.
 */
export class GrantVerifier {
  readonly #options: GrantVerifierOptions;
  readonly #verified: LRUCache<string, Verified>;
  readonly #now: () => number;

  constructor(options: GrantVerifierOptions) {
    this.#options = options;
    this.#verified = new LRUCache({ max: options.cacheSize ?? 10_000 });
    this.#now = options.now ?? Date.now;
  }

  /**
   * Claims of a valid grant; throws `grant_invalid`. With `want.action` the grant must be for that action. A grant for one
   * order passes with that `want.order` alone, and one for none does not pass where an order is wanted.
   */
  async verify(grant: string, want: { action?: GrantAction; order?: string } = {}): Promise<GrantClaims> {
    const known = this.#verified.get(grant);
    const { claims, keyX } = known ?? this.#check(grant);
    if (known && !this.#options.keysFor(claims.iss).some((key) => key.x === keyX)) {
      this.#verified.delete(grant);
      throw refuse('its issuer no longer has that key');
    }
    if (claims.exp * 1000 <= this.#now()) {
      this.#verified.delete(grant);
      throw refuse('it has expired');
    }
    if (!known) this.#verified.set(grant, { claims, keyX });
    if (want.action !== undefined && claims.action !== want.action) throw refuse(`it is not for "${want.action}"`);
    if (claims.order !== want.order) throw refuse('it is for another order');
    return claims;
  }

  #check(grant: string): Verified {
    if (grant.length > maxGrantLength) throw refuse('it is too long');
    const [header, payload, signature, rest] = grant.split('.');
    if (header === undefined || payload === undefined || signature === undefined || rest !== undefined) {
      throw refuse('it is not a token of three parts');
    }
    const kid = grantHeaderKid(decodeJson(header));
    const parsed = grantClaims.safeParse(decodeJson(payload));
    const bytes = fromBase64Url(signature);
    if (kid === undefined || !parsed.success || !bytes) throw refuse('it is malformed');
    const claims = parsed.data;
    const key = this.#options.keysFor(claims.iss).find((each) => thumbprintOf(each) === kid);
    if (!key) throw refuse('its issuer is not known here');
    if (!verifySignature(key, Buffer.from(`${header}.${payload}`, 'ascii'), bytes)) {
      throw refuse('its signature does not hold');
    }
    if (claims.aud !== this.#options.clusterId) throw refuse('it is for another cluster');
    if (claims.exp - claims.iat > grantLifetimeSeconds) throw refuse('it lives too long');
    if (claims.iat > this.#now() / 1000 + clockToleranceSeconds) throw refuse('it is not valid yet');
    return { claims, keyX: key.x };
  }
}

function grantHeaderKid(header: unknown): string | undefined {
  if (typeof header !== 'object' || header === null) return undefined;
  const { alg, typ, kid, purpose, ...others } = header as Record<string, unknown>;
  if (alg !== 'EdDSA' || typ !== grantTyp || purpose !== 'grant' || Object.keys(others).length > 0) return undefined;
  return typeof kid === 'string' ? kid : undefined;
}

function encodeJson(value: unknown): string {
  return toBase64Url(Buffer.from(JSON.stringify(value), 'utf8'));
}

function decodeJson(part: string): unknown {
  const bytes = fromBase64Url(part);
  try {
    return bytes ? JSON.parse(Buffer.from(bytes).toString('utf8')) : undefined;
  } catch {
    return undefined; // refused as malformed by the caller
  }
}

function refuse(reason: string): WatershedError {
  return new WatershedError('grant_invalid', `The grant is refused: ${reason}.`, { details: { reason } });
}
