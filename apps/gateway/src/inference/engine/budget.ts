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
  /** How long a request waits for its budget in all: draws beside others', and money that comes back. */
  readonly reserveLimitMs: number;
  /** How long a purse that seems empty is given to get back what requests under way do not use. */
  readonly returnLimitMs: number;
  readonly now?: () => number;
  /** Told of a release that failed; toll gives the block back itself when it expires. */
  readonly onReleaseFailed?: (error: unknown) => void;
}

interface Block {
  readonly account: Account;
  readonly blockId: string;
  readonly amountMicro: bigint;
  remainingMicro: bigint;
  readonly spendUntilMs: number;
  /** Reservations whose usage is not durable yet: the block may not be released before. */
  unsettled: number;
  lastSpentMs: number;
  retired: boolean;
  /** The next block was asked for ahead, once: what is refused then is asked for again by the request that needs it. */
  refillAsked: boolean;
  /** Resolves when toll has the block back, or has refused it. */
  readonly gone: Promise<void>;
  readonly markGone: () => void;
}

interface Account {
  /** Blocks that may be spent from, oldest first. */
  blocks: Block[];
  /** A block being drawn: for who waits, or ahead of need. */
  drawing?: Promise<void>;
  waiting: number;
  requestsPerBlock: number;
  drawnAtMs: number;
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
 * Budget in memory against durable blocks (architecture §9). One account a person: blocks that requests reserve from,
 * one drawn ahead when half of the last is gone, blocks given back when used up, idle, near expiry, and at drain.
 */
export class Budget {
  private readonly accounts = new Map<string, Account>();
  private readonly empty: LRUCache<string, bigint>;
  /** Retired blocks that toll has not got back yet. */
  private readonly leaving = new Set<Block>();
  private readonly now: () => number;

  constructor(private readonly options: BudgetOptions) {
    this.now = options.now ?? Date.now;
    this.empty = new LRUCache({ max: 10_000, ttl: options.emptyMemoryMs });
  }

  /** Sets `amountMicro` aside. Throws `purse_empty`, or whatever the draw throws. */
  async reserve(personId: string, amountMicro: bigint): Promise<Reservation> {
    const account = this.accountOf(personId);
    const giveUpAt = performance.now() + this.options.reserveLimitMs;
    while (performance.now() < giveUpAt) {
      const block = this.usable(account).find((each) => each.remainingMicro >= amountMicro);
      if (block) {
        const reservation = this.reserveFrom(block, amountMicro);
        this.refillAhead(personId, account, amountMicro);
        return reservation;
      }
      const refusedAt = this.empty.get(personId);
      if (refusedAt !== undefined && amountMicro >= refusedAt) throw purseEmpty();
      account.waiting++;
      try {
        await this.drawInto(personId, account, amountMicro);
      } finally {
        account.waiting--;
      }
    }
    throw new WatershedError('overloaded', 'The budget could not be set aside in time. Try again.', {
      retryAfterMs: 200,
    });
  }

  /** A purse got money: forget that it was empty. */
  credited(personId: string): void {
    this.empty.delete(personId);
  }

  /** Someone goes: what is set aside for them goes back as soon as what runs is paid. */
  leave(personId: string): void {
    for (const block of [...(this.accounts.get(personId)?.blocks ?? [])]) this.retire(block);
  }

  /** Gives back blocks that are idle or near their end. Called every second or so. */
  sweep(): void {
    const idleSince = this.now() - this.options.idleMs;
    for (const [personId, account] of this.accounts) {
      for (const block of this.usable(account)) if (block.lastSpentMs <= idleSince) this.retire(block);
      if (account.blocks.length === 0 && !account.drawing && account.waiting === 0) this.accounts.delete(personId);
    }
  }

  /** Gives every block back; resolves when toll has those whose usage is durable. */
  async drain(): Promise<void> {
    for (const account of this.accounts.values()) {
      if (account.drawing) await account.drawing.catch(() => undefined);
      for (const block of [...account.blocks]) this.retire(block);
    }
    await Promise.all([...this.leaving].filter(({ unsettled }) => unsettled === 0).map(({ gone }) => gone));
  }

  /** Blocks that toll still holds for this gateway. */
  get blocks(): number {
    let count = this.leaving.size;
    for (const { blocks } of this.accounts.values()) count += blocks.length;
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
      if (block.retired) this.releaseWhenSettled(block);
      else if (block.remainingMicro === 0n) this.retire(block);
    };
    return {
      blockId: block.blockId,
      amountMicro,
      spend: () => settle(0n),
      giveBack: () => settle(amountMicro),
      discard: () => {
        this.retire(block);
        settle(0n);
      },
    };
  }

  private accountOf(personId: string): Account {
    let account = this.accounts.get(personId);
    if (!account) {
      const { requestsPerBlock } = this.options;
      account = { blocks: [], waiting: 0, requestsPerBlock, drawnAtMs: Number.NEGATIVE_INFINITY };
      this.accounts.set(personId, account);
    }
    return account;
  }

  private usable(account: Account): readonly Block[] {
    const now = this.now();
    for (const block of account.blocks) if (block.spendUntilMs <= now) this.retire(block);
    return account.blocks;
  }

  private refillAhead(personId: string, account: Account, amountMicro: bigint): void {
    const last = account.blocks.at(-1);
    if (!last || last.refillAsked || account.drawing || last.remainingMicro >= last.amountMicro / 2n) return;
    if (this.empty.has(personId)) return;
    last.refillAsked = true;
    // Whatever fails here is met again, and told, by the request that finds too little.
    this.drawInto(personId, account, amountMicro).catch(() => undefined);
  }

  /** Draws one block for all who wait. */
  private drawInto(personId: string, account: Account, amountMicro: bigint): Promise<void> {
    account.drawing ??= this.drawOnce(personId, account, amountMicro).finally(() => {
      account.drawing = undefined;
    });
    return account.drawing;
  }

  private async drawOnce(personId: string, account: Account, amountMicro: bigint): Promise<void> {
    this.resize(account);
    const atLeastMicro = amountMicro > 0n ? amountMicro : 1n;
    const wantedMicro = atLeastMicro * BigInt(Math.max(account.requestsPerBlock, account.waiting));
    if (account.waiting > 0) await this.giveBackRemainders(account, amountMicro);
    try {
      await this.draw(personId, account, atLeastMicro, wantedMicro);
    } catch (error) {
      if (!isPurseEmpty(error)) throw error;
      // What seems empty may only be on its way back: requests under way, from blocks that are used up.
      if (account.waiting > 0 && (await this.moneyReturned(account))) {
        const again = await this.draw(personId, account, atLeastMicro, wantedMicro).catch((second: unknown) => second);
        if (again === undefined) return;
      }
      // Asked ahead, it says nothing of the next request: by then the purse may get its allowance.
      if (account.waiting > 0) this.empty.set(personId, amountMicro);
      throw error;
    }
  }

  /** Blocks with less left than is needed: that may be all that the purse has, so it must be back before more is drawn. */
  private async giveBackRemainders(account: Account, amountMicro: bigint): Promise<void> {
    const small = account.blocks.filter(({ remainingMicro }) => remainingMicro < amountMicro);
    for (const block of small) this.retire(block);
    await Promise.all(small.filter(({ unsettled }) => unsettled === 0).map(({ gone }) => gone));
  }

  private async moneyReturned(account: Account): Promise<boolean> {
    const leaving = [...this.leaving].filter((block) => block.account === account);
    if (leaving.length === 0) return false;
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, this.options.returnLimitMs);
    });
    await Promise.race([limit, Promise.all(leaving.map(({ gone }) => gone))]);
    clearTimeout(timer);
    return true;
  }

  private async draw(personId: string, account: Account, atLeastMicro: bigint, wantedMicro: bigint): Promise<void> {
    const drawn = await this.options.port.draw({ blockId: uuidv7(), personId, atLeastMicro, wantedMicro });
    const now = this.now();
    const lifetimeMs = drawn.expiresAt.getTime() - now;
    let markGone: () => void = () => undefined;
    const gone = new Promise<void>((resolve) => {
      markGone = resolve;
    });
    account.blocks.push({
      account,
      blockId: drawn.blockId,
      amountMicro: drawn.amountMicro,
      remainingMicro: drawn.amountMicro,
      spendUntilMs: now + Math.max(lifetimeMs - this.options.expiryMarginMs, lifetimeMs / 2),
      unsettled: 0,
      lastSpentMs: now,
      retired: false,
      refillAsked: false,
      gone,
      markGone,
    });
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
    block.account.blocks = block.account.blocks.filter((each) => each !== block);
    this.leaving.add(block);
    this.releaseWhenSettled(block);
  }

  private releaseWhenSettled(block: Block): void {
    if (block.unsettled > 0 || !this.leaving.has(block)) return;
    void this.options.port
      .release(block.blockId)
      .catch((error: unknown) => this.options.onReleaseFailed?.(error))
      .finally(() => {
        this.leaving.delete(block);
        block.markGone();
      });
  }
}

const purseEmpty = () =>
  new WatershedError('purse_empty', 'The purse does not hold what this costs. Ask an operator for a grant.');

function isPurseEmpty(error: unknown): boolean {
  return (
    error instanceof Error && 'code' in error && (error.code === 'purse_empty' || error.code === 'budget_exhausted')
  );
}
