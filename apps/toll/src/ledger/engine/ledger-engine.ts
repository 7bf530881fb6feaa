import type { LedgerEntry, Purse, UsageEvent } from '#contracts';
import { digestOf } from '#sigil';
import { type LedgerCode, ledgerError } from '../ledger.errors.js';
import { positiveAmount } from './amount.js';
import type { AssetTotals, HoldAnswer, LedgerStore, Page, PageRequest, StatementReader } from './ledger.ports.js';
import { payeeAccount } from './payee.js';
import type { RefusedUsage } from './usage-batch.js';

export interface LedgerRules {
  /** The unit of account at home. */
  readonly asset: string;
  readonly openingBalanceMicro: bigint;
  readonly blockTtlMs: number;
}

export interface LedgerResources {
  readonly store: LedgerStore;
  readonly reader: StatementReader;
  readonly rules: LedgerRules;
  /** Called after usage became durable. */
  readonly onUsage: (recorded: number, refused: readonly RefusedUsage[]) => void;
}

export interface TransferState {
  readonly transferId: string;
  readonly state: 'pending' | 'posted' | 'voided';
  readonly amountMicro: string;
}

/** What toll answers. Checks what the database does not see, and turns its refusals into errors. */
export class LedgerEngine {
  readonly #resources: LedgerResources;

  constructor(resources: LedgerResources) {
    this.#resources = resources;
  }

  /** Opens the purse once with the opening balance of the cluster's rule; again: the purse as it is. */
  async openPurse(personId: string): Promise<{ personId: string; balanceMicro: string; asset: string }> {
    const { store, rules } = this.#resources;
    const { balanceMicro } = await store.openPurse(personId, rules.asset, rules.openingBalanceMicro);
    return { personId, balanceMicro, asset: rules.asset };
  }

  /** Closes the purse; what is free goes back to issuance. Repeated: what was freed since. */
  async closePurse(personId: string): Promise<{ settled: boolean; returnedMicro: string; asset: string }> {
    const { store, rules } = this.#resources;
    const { pending, returnedMicro } = await store.closePurse(personId, rules.asset);
    return { settled: pending === 0, returnedMicro, asset: rules.asset };
  }

  /** Throws `not_found` where the person has no purse. */
  async purse(personId: string): Promise<Purse> {
    const purse = await this.#resources.reader.purse(personId, this.#resources.rules.asset);
    if (!purse) throw ledgerError('not_found');
    return purse;
  }

  /** Issues money to a person. Repeated: the balance after the first time. Throws `conflict`, `not_found`, `amount_invalid`. */
  async grant(request: {
    transferId: string;
    personId: string;
    amountMicro: string;
    asset: string;
    operatorId: string;
    memo: string;
  }): Promise<{ transferId: string; balanceMicro: string }> {
    const { code, balanceMicro } = await this.#resources.store.grant({
      ...request,
      amountMicro: positiveAmount(request.amountMicro),
      digest: digestOf({ kind: 'grant', ...request }),
    });
    refuse(code);
    return { transferId: request.transferId, balanceMicro };
  }

  /** First phase. Repeated: the hold as it is now. Throws `purse_empty`, `conflict`, `not_found`, `invalid_request`. */
  async hold(
    request: {
      transferId: string;
      personId: string;
      payee: string;
      amountMicro: string;
      asset: string;
      expiresAt: string;
    },
    source: string,
  ): Promise<TransferState> {
    const answer = await this.#resources.store.placeHold({
      ...request,
      payee: payeeAccount(request.payee),
      amountMicro: positiveAmount(request.amountMicro),
      source,
      digest: digestOf({ kind: 'hold', ...request }),
    });
    return settled(request.transferId, answer);
  }

  /** Second phase, once. Throws `transfer_settled` when voided or late by Postgres's clock, `conflict` for another amount. */
  async capture(transferId: string, amountMicro: string): Promise<TransferState> {
    return settled(transferId, await this.#resources.store.captureHold(transferId, positiveAmount(amountMicro)));
  }

  /** Lets go of a hold. Repeated: voided. Throws `transfer_settled` once captured. */
  async void(transferId: string): Promise<TransferState> {
    return settled(transferId, await this.#resources.store.voidHold(transferId));
  }

  /** Draws or renews a block for the node `source`. Throws `purse_empty`, `conflict`, `caller_not_allowed`, `transfer_settled`. */
  async draw(
    request: { blockId: string; personId: string; asset: string; atLeastMicro: string; wantedMicro: string },
    source: string,
  ): Promise<{ blockId: string; amountMicro: string; expiresAt: string }> {
    const atLeastMicro = positiveAmount(request.atLeastMicro);
    const wantedMicro = positiveAmount(request.wantedMicro);
    if (wantedMicro < atLeastMicro) throw ledgerError('amount_invalid');
    const { code, amountMicro, expiresAt } = await this.#resources.store.draw({
      blockId: request.blockId,
      personId: request.personId,
      asset: request.asset,
      atLeastMicro,
      wantedMicro,
      source,
      ttlMs: this.#resources.rules.blockTtlMs,
    });
    refuse(code, code === 'purse_empty' ? { availableMicro: amountMicro } : undefined);
    if (!expiresAt) throw ledgerError('transfer_unknown');
    return { blockId: request.blockId, amountMicro, expiresAt: expiresAt.toISOString() };
  }

  /** Durable when it answers; what is not recorded is listed with why. */
  async recordUsage(events: readonly UsageEvent[], source: string): Promise<{ refused: RefusedUsage[] }> {
    const refused = await this.#resources.store.recordUsage({ source, events });
    this.#resources.onUsage(events.length - refused.length, refused);
    return { refused: [...refused] };
  }

  /** How recorded usage ended, each event for itself; what is not amended is listed with why. Repeated: the same. */
  async amendUsage(events: readonly UsageEvent[], source: string): Promise<{ refused: RefusedUsage[] }> {
    return { refused: [...(await this.#resources.store.amendUsage({ source, events }))] };
  }

  /** Posts a block's usage and gives back the rest. Repeated: nothing more. */
  async releaseBlock(blockId: string, source: string): Promise<Record<string, never>> {
    refuse(await this.#resources.store.releaseBlock(blockId, source));
    return {};
  }

  statement(personId: string, page: PageRequest): Promise<Page<LedgerEntry> & { unposted: UsageEvent[] }> {
    return this.#resources.reader.statement(personId, this.#resources.rules.asset, page);
  }

  usage(personId: string, page: PageRequest): Promise<Page<UsageEvent & { transferId?: string }>> {
    return this.#resources.reader.usage(personId, page);
  }

  totals(): Promise<{ assets: AssetTotals[]; usageEvents: number; unpostedUsageEvents: number }> {
    return this.#resources.reader.totals();
  }
}

function refuse(code: LedgerCode, details?: Readonly<Record<string, string>>): void {
  if (code !== 'ok') throw ledgerError(code, details);
}

function settled(transferId: string, answer: HoldAnswer): TransferState {
  refuse(answer.code, answer.code === 'purse_empty' ? { availableMicro: answer.amountMicro } : undefined);
  const { state, amountMicro } = answer;
  if (state !== 'pending' && state !== 'posted' && state !== 'voided') throw ledgerError('transfer_unknown');
  return { transferId, state, amountMicro };
}
