import { LRUCache } from 'lru-cache';
import { uuidv7 } from 'uuidv7';
import { WatershedError } from '#errors';

/** A durable block of a person's money that this gateway may spend in memory. */
export interface DrawnBlock {
  readonly blockId: string;
  readonly amountMicro: bigint;
  /** Toll posts and releases it then, by Postgres's clock; nothing may be spent from it near that. */
  readonly expiresAt: Date;
}

export interface BudgetPort {
  /** Throws `purse_empty` where not even `atLeastMicro` is there. */
  draw(request: { blockId: string; personId: string; atLeastMicro: bigint; wantedMicro: bigint }): Promise<DrawnBlock>;
  release(blockId: string): Promise<void>;
}

export interface BudgetOptions {
  readonly port: BudgetPort;
  /** A first block is drawn for this many requests of the price at hand; who spends it within seconds gets larger ones. */
  readonly requestsPerBlock: number;
  readonly maxRequestsPerBlock: number;
  /** A block that nothing was spent from for this long is given back. */
  readonly idleMs: number;
  /** How long before its expiry a block stops being spent from: longer than any request may run. */
  readonly expiryMarginMs: number;
  /** How long an empty purse is remembered, so that a client in a loop does not ask toll each time. */
  readonly emptyMemoryMs: number;
  readonly now?: () => number;
  /** Told of a release that failed; toll gives the block back itself when it expires. */
  readonly onReleaseFailed?: (error: unknown) => void;
}

interface Block {
  readonly blockId: string;
  readonly amountMicro: bigint;
  remainingMicro: bigint;
  readonly spendUntilMs: number;
  /** Reservations whose usage is not durable yet: the block may not be released before. */
  unsettled: number;
  lastSpentMs: number;
  retired: boolean;
}

interface Account {
  current?: Block;
  requestsPerBlock: number;
  drawnAtMs: number;
  /** The next block, drawn while the current one is still good. */
  drawing?: Promise<Block>;
}

/** Money set aside for one request. Exactly one of `spend` and `giveBack` must be called, once the usage is durable. */
export interface Reservation {
  readonly blockId: string;
  readonly amountMicro: bigint;
  spend(): void;
  giveBack(): void;
  /** Toll refused the block: nothing more may be spent from it. */
  discard(): void;
}

/**
 * Budget in memory against durable blocks (architecture §9). One account a person: a current block that requests
 * reserve from, a refill drawn ahead when half of it is gone, blocks given back when idle, near expiry and at drain.
 */
export class Budget {
  private readonly accounts = new Map<string, Account>();
  private readonly empty: LRUCache<string, bigint>;
  private readonly releasing = new Set<Promise<void>>();
  private readonly retiring = new Set<Block>();
  private readonly now: () => number;

  constructor(private readonly options: BudgetOptions) {
    this.now = options.now ?? Date.now;
    this.empty = new LRUCache({ max: 10_000, ttl: options.emptyMemoryMs });
  }

  /** Sets `amountMicro` aside. Throws `purse_empty`, or whatever the draw throws. */
  async reserve(personId: string, amountMicro: bigint): Promise<Reservation> {
    const account = this.accountOf(personId);
    for (let attempt = 0; attempt < 4; attempt++) {
      const block = this.usable(account);
      if (block && block.remainingMicro >= amountMicro) {
        if (block.remainingMicro - amountMicro < block.amountMicro / 2n)
          this.refillAhead(personId, account, amountMicro);
        return this.reserveFrom(block, amountMicro);
      }
      const refusedAt = this.empty.get(personId);
      if (refusedAt !== undefined && amountMicro >= refusedAt) throw purseEmpty();
      const drawn = await this.drawInto(personId, account, amountMicro);
      if (drawn.remainingMicro >= amountMicro && account.current === drawn) continue;
    }
    throw new WatershedError('overloaded', 'The budget could not be set aside in time. Try again.', {
      retryAfterMs: 200,
    });
  }

  /** A purse got money: forget that it was empty. */
  credited(personId: string): void {
    this.empty.delete(personId);
  }

  /** Gives back blocks that are idle or near their end. Called every second or so. */
  sweep(): void {
    const now = this.now();
    for (const [personId, account] of this.accounts) {
      const block = account.current;
      if (block && (block.lastSpentMs + this.options.idleMs <= now || this.nearExpiry(block))) {
        account.current = undefined;
        this.retire(block);
      }
      if (!account.current && !account.drawing) this.accounts.delete(personId);
    }
  }

  /** Gives every block back; resolves when toll has them or has refused. */
  async drain(): Promise<void> {
    for (const account of this.accounts.values()) {
      if (account.drawing) await account.drawing.catch(() => undefined);
      if (account.current) this.retire(account.current);
      account.current = undefined;
    }
    this.accounts.clear();
    await Promise.all(this.releasing);
  }

  get blocks(): number {
    let count = this.retiring.size;
    for (const account of this.accounts.values()) if (account.current) count++;
    return count;
  }

  private reserveFrom(block: Block, amountMicro: bigint): Reservation {
    block.remainingMicro -= amountMicro;
    block.unsettled++;
    block.lastSpentMs = this.now();
    let open = true;
    const settle = (backMicro: bigint) => {
      if (!open) return;
      open = false;
      block.remainingMicro += backMicro;
      block.unsettled--;
      if (block.retired && block.unsettled === 0) this.release(block);
    };
    return {
      blockId: block.blockId,
      amountMicro,
      spend: () => settle(0n),
      giveBack: () => settle(amountMicro),
      discard: () => {
        for (const account of this.accounts.values()) if (account.current === block) account.current = undefined;
        this.retire(block);
        settle(0n);
      },
    };
  }

  private accountOf(personId: string): Account {
    let account = this.accounts.get(personId);
    if (!account) {
      account = { requestsPerBlock: this.options.requestsPerBlock, drawnAtMs: Number.NEGATIVE_INFINITY };
      this.accounts.set(personId, account);
    }
    return account;
  }

  private usable(account: Account): Block | undefined {
    const block = account.current;
    if (!block) return undefined;
    if (!this.nearExpiry(block)) return block;
    account.current = undefined;
    this.retire(block);
    return undefined;
  }

  private nearExpiry(block: Block): boolean {
    return block.spendUntilMs <= this.now();
  }

  private refillAhead(personId: string, account: Account, amountMicro: bigint): void {
    if (account.drawing || this.empty.has(personId)) return;
    // Whatever fails here is met again, and told, by the request that finds the current block too small.
    this.drawInto(personId, account, amountMicro).catch(() => undefined);
  }

  /** Draws one block for all who wait; the old one is retired when the new one is there. */
  private drawInto(personId: string, account: Account, amountMicro: bigint): Promise<Block> {
    account.drawing ??= this.draw(personId, account, amountMicro).finally(() => {
      account.drawing = undefined;
    });
    return account.drawing;
  }

  private async draw(personId: string, account: Account, amountMicro: bigint): Promise<Block> {
    const { port } = this.options;
    this.resize(account);
    const current = account.current;
    if (current && current.remainingMicro < amountMicro) {
      // What is left of it may be all that the purse has: it must be back before more can be asked for.
      account.current = undefined;
      this.retire(current);
      await Promise.all(this.releasing);
    }
    try {
      const atLeastMicro = amountMicro > 0n ? amountMicro : 1n;
      const drawn = await port.draw({
        blockId: uuidv7(),
        personId,
        atLeastMicro,
        wantedMicro: atLeastMicro * BigInt(account.requestsPerBlock),
      });
      const now = this.now();
      const lifetimeMs = drawn.expiresAt.getTime() - now;
      const block: Block = {
        blockId: drawn.blockId,
        amountMicro: drawn.amountMicro,
        remainingMicro: drawn.amountMicro,
        spendUntilMs: now + Math.max(lifetimeMs - this.options.expiryMarginMs, lifetimeMs / 2),
        unsettled: 0,
        lastSpentMs: now,
        retired: false,
      };
      if (account.current) this.retire(account.current);
      account.current = block;
      this.accounts.set(personId, account);
      return block;
    } catch (error) {
      if (isPurseEmpty(error)) this.empty.set(personId, amountMicro);
      throw error;
    }
  }

  /** Busy people draw seldom and much, idle ones have little set aside. */
  private resize(account: Account): void {
    const { requestsPerBlock, maxRequestsPerBlock } = this.options;
    const now = this.now();
    const busy = now - account.drawnAtMs < 5_000;
    account.requestsPerBlock = busy ? Math.min(account.requestsPerBlock * 2, maxRequestsPerBlock) : requestsPerBlock;
    account.drawnAtMs = now;
  }

  private retire(block: Block): void {
    if (block.retired) return;
    block.retired = true;
    this.retiring.add(block);
    if (block.unsettled === 0) this.release(block);
  }

  private release(block: Block): void {
    if (!this.retiring.delete(block)) return;
    const released = this.options.port
      .release(block.blockId)
      .catch((error: unknown) => this.options.onReleaseFailed?.(error))
      .finally(() => this.releasing.delete(released));
    this.releasing.add(released);
  }
}

const purseEmpty = () =>
  new WatershedError('purse_empty', 'The purse does not hold what this costs. Ask an operator for a grant.');

function isPurseEmpty(error: unknown): boolean {
  return (
    error instanceof Error && 'code' in error && (error.code === 'purse_empty' || error.code === 'budget_exhausted')
  );
}
