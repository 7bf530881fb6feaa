import type { LedgerEntry, Purse, UsageEvent } from '#contracts';
import type { LedgerCode } from '../ledger.errors.js';
import type { RefusedUsage, UsageCall } from './usage-batch.js';

export interface GrantOrder {
  readonly transferId: string;
  readonly personId: string;
  readonly asset: string;
  readonly amountMicro: bigint;
  readonly memo: string;
  readonly operatorId: string;
  readonly digest: string;
}

export interface HoldOrder {
  readonly transferId: string;
  readonly personId: string;
  readonly payee: string;
  readonly asset: string;
  readonly amountMicro: bigint;
  readonly expiresAt: string;
  readonly source: string;
  readonly digest: string;
}

export interface DrawOrder {
  readonly blockId: string;
  readonly personId: string;
  readonly asset: string;
  readonly atLeastMicro: bigint;
  readonly wantedMicro: bigint;
  readonly source: string;
  readonly ttlMs: number;
}

export interface HoldAnswer {
  readonly code: LedgerCode;
  readonly state: string;
  readonly amountMicro: string;
}

/** The ledger's operations; each happens wholly or not at all, and is safe to repeat. */
export interface LedgerStore {
  openPurse(personId: string, asset: string, openingMicro: bigint): Promise<{ balanceMicro: string }>;
  /** What went back to issuance, and how many holds may still bring something back. */
  closePurse(personId: string, asset: string): Promise<{ pending: number; returnedMicro: string }>;
  grant(order: GrantOrder): Promise<{ code: LedgerCode; balanceMicro: string }>;
  placeHold(order: HoldOrder): Promise<HoldAnswer>;
  captureHold(transferId: string, amountMicro: bigint): Promise<HoldAnswer>;
  voidHold(transferId: string): Promise<HoldAnswer>;
  draw(order: DrawOrder): Promise<{ code: LedgerCode; amountMicro: string; expiresAt?: Date }>;
  releaseBlock(blockId: string, source: string): Promise<LedgerCode>;
  /** Durable when it answers. */
  recordUsage(call: UsageCall): Promise<readonly RefusedUsage[]>;
  /** Durable when it answers; repeated: the same. */
  amendUsage(call: UsageCall): Promise<readonly RefusedUsage[]>;
  /** Posts at most `limit` blocks, one transfer each. */
  postUsage(limit: number): Promise<{ blocks: number; transfers: number }>;
  /** Gives back at most `limit` blocks and holds whose expiry is not after `now`. */
  expire(limit: number, now: Date): Promise<{ blocks: number; holds: number }>;
  extendBlocks(byMs: number): Promise<number>;
  /** The clock by which expiry is judged. */
  now(): Promise<Date>;
}

export interface Page<Item> {
  readonly items: Item[];
  readonly nextCursor?: string;
}
export interface PageRequest {
  readonly cursor?: string | undefined;
  readonly limit: number;
}

export interface AssetTotals {
  readonly asset: string;
  readonly sumMicro: string;
  readonly usageMicro: string;
  readonly postedUsageMicro: string;
  readonly heldMicro: string;
}

/** What people and auditors look at. Nothing here writes. */
export interface StatementReader {
  purse(personId: string, asset: string): Promise<Purse | undefined>;
  statement(
    personId: string,
    asset: string,
    page: PageRequest,
  ): Promise<Page<LedgerEntry> & { unposted: UsageEvent[] }>;
  usage(personId: string, page: PageRequest): Promise<Page<UsageEvent & { transferId?: string }>>;
  totals(): Promise<{ assets: AssetTotals[]; usageEvents: number; unpostedUsageEvents: number }>;
}
