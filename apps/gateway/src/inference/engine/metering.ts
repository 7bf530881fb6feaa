import { uuidv7 } from 'uuidv7';
import type { UsageEvent } from '#contracts';
import { isWatershedError } from '#errors';
import type { Budget, Reservation } from './budget.js';
import type { UsagePort } from './inference.ports.js';

/** What the usage of a request says of it. */
export interface Metered {
  readonly personId: string;
  readonly model: string;
  readonly inputBytes: number;
  readonly usageId: string;
  /** Whether `usageId` comes again where the request is sent again: under an Idempotency-Key. */
  readonly repeatable: boolean;
}

export interface MeteringParts {
  readonly usage: UsagePort;
  readonly budget: Pick<Budget, 'reserve'>;
  readonly now: () => Date;
}

/** Toll no longer honours the block that an event names. */
const blockGone = new Set(['budget_exhausted', 'transfer_settled', 'transfer_unknown']);

/**
 * The durable usage of one request. Its row is written beside the inference, at its price, as soon as content goes out:
 * an answer then waits for the longer of the two instead of for both. What comes to nothing is amended to an amount of
 * zero. A request under an Idempotency-Key may come again under the same usage, so its row is written when it is known how
 * it ended.
 */
export class Metering {
  /** The last row that was sent under the request's own id. */
  private row: Promise<void> | undefined;
  private open: Reservation;

  constructor(
    private readonly request: Metered,
    reservation: Reservation,
    private readonly amountMicro: bigint,
    private readonly parts: MeteringParts,
  ) {
    this.open = reservation;
  }

  /** Content goes to a runner now. */
  begin(): void {
    if (!this.request.repeatable && !this.row) void this.write('answered');
  }

  /** Durable when it answers. A block that toll no longer honours is replaced, once. */
  async succeeded(outcome: 'answered' | 'abandoned'): Promise<void> {
    const ahead = this.row !== undefined;
    try {
      await (this.row ?? this.write(outcome));
    } catch (error) {
      if (!isBlockGone(error)) throw error;
      this.open.discard();
      this.open = await this.parts.budget.reserve(this.request.personId, this.amountMicro);
      await this.write(outcome);
      this.open.spend();
      return;
    }
    if (ahead && outcome !== 'answered') await this.amended(outcome, this.amountMicro);
    this.open.spend();
  }

  /** Nothing is charged. `admitted`: content went out, so a row says what became of it. */
  async failed(admitted: boolean): Promise<void> {
    if (this.row) {
      // What was refused for certain is in no ledger; what may be there is amended, which holds in either case.
      const refused = await this.row.then(() => false, isBlockGone);
      if (refused) return this.open.discard();
      // Under an Idempotency-Key it stays: the next attempt comes with the same usage, finds its row, and has its answer.
      if (!this.request.repeatable) await this.amended('failed', 0n);
      // Given back in the ledger, not here: what this gateway has in memory must never be more than its block.
      return this.open.spend();
    }
    if (!admitted) return this.open.giveBack();
    // An id of its own, because under an Idempotency-Key the next attempt uses the request's again.
    const event = { ...this.event('failed', 0n), usageId: uuidv7() };
    // Where even this row cannot be written the caller is told of the failure all the same, and nothing is charged.
    await this.parts.usage.record(event).catch(() => undefined);
    this.open.giveBack();
  }

  private write(outcome: UsageEvent['outcome']): Promise<void> {
    this.row = this.parts.usage.record(this.event(outcome));
    // Whoever awaits it is told; until then it is nobody's.
    this.row.catch(() => undefined);
    return this.row;
  }

  private amended(outcome: UsageEvent['outcome'], amountMicro: bigint): Promise<void> {
    return this.parts.usage.amend(this.event(outcome, amountMicro));
  }

  private event(outcome: UsageEvent['outcome'], amountMicro = this.amountMicro): UsageEvent {
    const { usageId, personId, model, inputBytes } = this.request;
    return {
      usageId,
      blockId: this.open.blockId,
      personId,
      kind: 'infer',
      model,
      inputBytes,
      amountMicro: amountMicro.toString(),
      outcome,
      occurredAt: this.parts.now().toISOString(),
    };
  }
}

function isBlockGone(error: unknown): boolean {
  return isWatershedError(error) && blockGone.has(error.code);
}
