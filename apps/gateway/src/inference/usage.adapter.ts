import { tollAmendUsage, tollRecordUsage, type UsageEvent } from '#contracts';
import type { GatewayCluster } from '../cluster/cluster.port.js';
import { type BatchOutcome, Coalescer } from './engine/coalescer.js';
import type { UsagePort } from './engine/inference.ports.js';
import { errorOfRefusal } from './engine/runner-refusal.js';

export interface BatchedUsageParts {
  readonly cluster: GatewayCluster;
  /** Keeps an amendment that toll does not hear of now, until it does. */
  readonly keep: (event: UsageEvent) => Promise<void>;
  /** An amendment is lost: who paid for nothing stays charged. */
  readonly onLost: (event: UsageEvent, error: unknown) => void;
}

/** Usage of all requests travels together and is durable when this answers. */
export class BatchedUsage implements UsagePort {
  private readonly rows: Coalescer<UsageEvent, undefined>;
  private readonly amendments: Coalescer<UsageEvent, undefined>;

  constructor(private readonly parts: BatchedUsageParts) {
    const { cluster } = parts;
    const bind = cluster.tracing?.bind;
    this.rows = new Coalescer({
      maxBatch: 1_000,
      concurrency: 1,
      lingerMs: 1,
      bind,
      send: async (events) => {
        const { refused } = await cluster.call(tollRecordUsage, { events: [...events] });
        return outcomesOf(events, refused, 'The budget behind this request is gone. Try again.');
      },
    });
    this.amendments = new Coalescer({
      maxBatch: 100,
      concurrency: 1,
      lingerMs: 1,
      bind,
      send: async (events) => {
        const { refused } = await cluster.call(tollAmendUsage, { events: [...events] });
        return outcomesOf(events, refused, 'Toll did not take how this usage ended.');
      },
    });
  }

  async record(event: UsageEvent): Promise<void> {
    await this.rows.add(event);
  }

  async amend(event: UsageEvent): Promise<void> {
    try {
      await this.amendments.add(event).catch(() => this.parts.keep(event));
    } catch (error) {
      this.parts.onLost(event, error);
    }
  }

  async drained(): Promise<void> {
    await this.rows.drained();
    await this.amendments.drained();
  }
}

function outcomesOf(
  events: readonly UsageEvent[],
  refused: readonly { readonly usageId: string; readonly code: string }[],
  message: string,
): BatchOutcome<undefined>[] {
  const codes = new Map(refused.map(({ usageId, code }) => [usageId, code]));
  return events.map(({ usageId }) => {
    const code = codes.get(usageId);
    if (code === undefined) return { ok: true, value: undefined };
    return { ok: false, error: errorOfRefusal({ code, message }) };
  });
}
