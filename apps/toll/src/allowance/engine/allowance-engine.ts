import { isWatershedError } from '#errors';
import type { Allowance, AllowanceRules, AllowanceStore } from './allowance.ports.js';

export interface DrawRequest {
  readonly blockId: string;
  readonly personId: string;
  readonly asset: string;
  readonly atLeastMicro: string;
  readonly wantedMicro: string;
}

export interface Drawn {
  readonly blockId: string;
  readonly amountMicro: string;
  readonly expiresAt: string;
}

export interface AllowanceResources {
  readonly store: AllowanceStore;
  /** Draws on the purse alone; throws `purse_empty`. */
  readonly ledger: { draw(request: DrawRequest, source: string): Promise<Drawn> };
  readonly asset: string;
  readonly rules: AllowanceRules;
  readonly blockTtlMs: number;
  readonly onGiven: (amountMicro: bigint) => void;
}

/**
 * The essential allowance: what an empty purse lacks for one request comes out of the day's pool. What the pool gives is
 * bounded in the database, by the day and by the person; nothing here can give more.
 */
export class AllowanceEngine {
  readonly #resources: AllowanceResources;

  constructor(resources: AllowanceResources) {
    this.#resources = resources;
  }

  /** As the ledger's own draw; where the purse is empty and the pool is not, a block for this one request. */
  async draw(request: DrawRequest, source: string): Promise<Drawn> {
    const { store, ledger, asset, rules, blockTtlMs, onGiven } = this.#resources;
    try {
      return await ledger.draw(request, source);
    } catch (error) {
      if (!isWatershedError(error, 'purse_empty') || request.asset !== asset || rules.poolMicro === 0n) throw error;
      const { blockId, personId, atLeastMicro } = request;
      const order = { blockId, personId, asset, amountMicro: BigInt(atLeastMicro), source, ttlMs: blockTtlMs };
      const block = await store.draw(order, rules);
      if (!block) throw error;
      if (block.givenMicro > 0n) onGiven(block.givenMicro);
      return { blockId, amountMicro: block.amountMicro, expiresAt: block.expiresAt.toISOString() };
    }
  }

  async allowance(personId: string): Promise<Omit<Allowance, 'endsAt'> & { asset: string; endsAt: string }> {
    const { store, asset, rules } = this.#resources;
    const { endsAt, ...rest } = await store.allowance(personId, asset, rules);
    return { ...rest, asset, endsAt: endsAt.toISOString() };
  }
}
