import type { UsageEvent } from '#contracts';
import type { LedgerRefusal } from '../ledger.errors.js';
import { amountOf } from './amount.js';

/** Events of one call, from the node that the bus names. */
export interface UsageCall {
  readonly source: string;
  readonly events: readonly UsageEvent[];
}

export interface RefusedUsage {
  readonly usageId: string;
  readonly code: LedgerRefusal;
}

/** Events by column, in the order of `record_usage`'s arguments. */
export interface UsageColumns {
  readonly sources: string[];
  readonly usageIds: string[];
  readonly blockIds: string[];
  readonly personIds: string[];
  readonly kinds: string[];
  readonly models: string[];
  readonly inputBytes: number[];
  readonly amounts: string[];
  readonly outcomes: string[];
  readonly occurred: string[];
}

/** One statement's worth of usage out of many calls, and how to hand its refusals back to each of them. */
export interface UsageBatch {
  readonly columns: UsageColumns;
  readonly size: number;
  /** What each call is told: `found` are the refusals of the statement, by place (from 0) in the columns. */
  outcomes(found: ReadonlyMap<number, LedgerRefusal>): RefusedUsage[][];
}

const sameBody = (one: UsageEvent, other: UsageEvent) =>
  one.blockId === other.blockId &&
  one.personId === other.personId &&
  one.kind === other.kind &&
  one.model === other.model &&
  one.inputBytes === other.inputBytes &&
  one.amountMicro === other.amountMicro &&
  one.outcome === other.outcome;

/**
 * Folds calls into one batch. An event that comes twice in it (a retry that overtook its first try) is taken once and
 * both are told the same; the same id with another body is a `conflict` of the later one.
 */
export function batchOf(calls: readonly UsageCall[]): UsageBatch {
  const columns: UsageColumns = {
    sources: [],
    usageIds: [],
    blockIds: [],
    personIds: [],
    kinds: [],
    models: [],
    inputBytes: [],
    amounts: [],
    outcomes: [],
    occurred: [],
  };
  const places = new Map<string, { readonly place: number; readonly event: UsageEvent }>();
  // For each event of each call: its place in the columns, or why it never got one.
  const fates = calls.map(({ source, events }) =>
    events.map((event): { readonly usageId: string; readonly fate: number | LedgerRefusal } => {
      const { usageId } = event;
      if (amountOf(event.amountMicro) === undefined) return { usageId, fate: 'amount_invalid' };
      const key = `${source} ${usageId}`;
      const first = places.get(key);
      if (first) return { usageId, fate: sameBody(first.event, event) ? first.place : 'conflict' };
      const place = columns.usageIds.length;
      places.set(key, { place, event });
      columns.sources.push(source);
      columns.usageIds.push(usageId);
      columns.blockIds.push(event.blockId);
      columns.personIds.push(event.personId);
      columns.kinds.push(event.kind);
      columns.models.push(event.model);
      columns.inputBytes.push(event.inputBytes);
      columns.amounts.push(event.amountMicro);
      columns.outcomes.push(event.outcome);
      columns.occurred.push(event.occurredAt);
      return { usageId, fate: place };
    }),
  );
  return {
    columns,
    size: columns.usageIds.length,
    outcomes: (found) =>
      fates.map((call) =>
        call.flatMap(({ usageId, fate }) => {
          const code = typeof fate === 'number' ? found.get(fate) : fate;
          return code === undefined ? [] : [{ usageId, code }];
        }),
      ),
  };
}
