import { createHash, randomBytes } from 'node:crypto';
import { transferTokenLifetimeMs } from '#contracts';
import { WatershedError } from '#errors';

export interface TransferTokensOptions {
  /** Tokens outstanding at once; more are refused as `overloaded`, so that memory stays bounded. */
  readonly capacity?: number;
  /** Milliseconds on a clock that never runs backwards. */
  readonly now?: () => number;
}

export interface IssueOptions<Bound> {
  /** What the transfer is for; given back at redemption. */
  readonly bind: Bound;
  readonly maxBytes: number;
  readonly ttlMs?: number;
}

export interface RedeemedTransfer<Bound> {
  readonly bind: Bound;
  readonly maxBytes: number;
}

interface Outstanding<Bound> extends RedeemedTransfer<Bound> {
  readonly expiresAt: number;
}

const tokenBytes = 32;
const hashOf = (token: string): string => createHash('sha256').update(token).digest('base64');

/**
 * One-use tokens for one transfer each. Only the hash of a token is kept, so that a dump of this process's memory or
 * log lets nobody send in another's place. A token dies at its first use, successful or not, and after `ttlMs`.
 */
export class TransferTokens<Bound> {
  private readonly outstanding = new Map<string, Outstanding<Bound>>();
  private readonly capacity: number;
  private readonly now: () => number;

  constructor(options: TransferTokensOptions = {}) {
    this.capacity = options.capacity ?? 50_000;
    this.now = options.now ?? (() => performance.now());
  }

  get size(): number {
    return this.outstanding.size;
  }

  /** Throws `overloaded` when `capacity` tokens are outstanding and none has expired. */
  issue(options: IssueOptions<Bound>): { token: string } {
    const [token = ''] = this.issueMany(options, 1);
    return { token };
  }

  /** As `issue`: `count` tokens, each for one transfer of the same kind; all of them or none. */
  issueMany(options: IssueOptions<Bound>, count: number): string[] {
    const now = this.now();
    if (this.outstanding.size + count > this.capacity) this.sweep(now);
    if (this.outstanding.size + count > this.capacity) {
      throw new WatershedError('overloaded', 'Too many transfers are waiting for their content. Try again shortly.', {
        retryAfterMs: 1_000,
      });
    }
    const entry = {
      bind: options.bind,
      maxBytes: options.maxBytes,
      expiresAt: now + (options.ttlMs ?? transferTokenLifetimeMs),
    };
    const random = randomBytes(tokenBytes * count);
    return Array.from({ length: count }, (_, at) => {
      this.forgetOldest(now);
      const token = random.toString('base64url', at * tokenBytes, (at + 1) * tokenBytes);
      this.outstanding.set(hashOf(token), entry);
      return token;
    });
  }

  /** What the token was bound to. Throws `transfer_token_invalid` when it is unknown, used or expired; which is not told. */
  redeem(token: string): Bound {
    return this.redeemTransfer(token).bind;
  }

  /** As `redeem`, with the size that was agreed on. */
  redeemTransfer(token: string): RedeemedTransfer<Bound> {
    const hash = hashOf(token);
    const found = this.outstanding.get(hash);
    this.outstanding.delete(hash);
    if (!found || found.expiresAt <= this.now()) {
      throw new WatershedError(
        'transfer_token_invalid',
        'This transfer token is unknown, used or expired. Ask for a new place and send the content there.',
      );
    }
    return { bind: found.bind, maxBytes: found.maxBytes };
  }

  /** Takes back a token whose transfer will not come. */
  revoke(token: string): void {
    this.outstanding.delete(hashOf(token));
  }

  /**
   * Takes back every token: one of those who hold some was expelled. Tokens do not say whom they were given to, and
   * live so short that whoever asks again is not kept waiting.
   */
  revokeAll(): void {
    this.outstanding.clear();
  }

  /** A map keeps insertion order, so the oldest come first: two looked at for each one issued keep it swept. */
  private forgetOldest(now: number): void {
    let looked = 0;
    for (const [hash, entry] of this.outstanding) {
      if (looked++ === 2 || entry.expiresAt > now) return;
      this.outstanding.delete(hash);
    }
  }

  private sweep(now: number): void {
    for (const [hash, entry] of this.outstanding) if (entry.expiresAt <= now) this.outstanding.delete(hash);
  }
}
