export interface AllowanceRules {
  /** What one day gives, to all together; 0 gives nothing. */
  readonly poolMicro: bigint;
  /** The pool is shared among at least so many, however few asked the day before. */
  readonly leastSharers: number;
}

export interface Allowance {
  /** By UTC, `2026-11-21`. */
  readonly day: string;
  readonly endsAt: Date;
  readonly poolMicro: string;
  readonly givenMicro: string;
  /** The most that one person gets. */
  readonly shareMicro: string;
  /** What this person had of it. */
  readonly mineMicro: string;
  /** What this person may still have today. */
  readonly leftMicro: string;
}

export interface AllowanceDraw {
  readonly blockId: string;
  readonly personId: string;
  readonly asset: string;
  readonly amountMicro: bigint;
  readonly source: string;
  readonly ttlMs: number;
}

export interface AllowedBlock {
  readonly amountMicro: string;
  readonly expiresAt: Date;
  /** What of it came from the pool. */
  readonly givenMicro: bigint;
}

/** The day's pool, judged by Postgres's clock. */
export interface AllowanceStore {
  /** A block of `amountMicro`, what is lacking of it out of the pool; undefined where pool or share are used up. */
  draw(order: AllowanceDraw, rules: AllowanceRules): Promise<AllowedBlock | undefined>;
  allowance(personId: string, asset: string, rules: AllowanceRules): Promise<Allowance>;
}
