import { tollAmendUsage, tollRecordUsage, type UsageEvent } from '#contracts';
import type { GatewayCluster } from '../cluster/cluster.port.js';
import { type BatchOutcome, Coalescer } from './engine/coalescer.js';
import type { UsagePort } from './engine/inference.ports.js';
import { errorOfRefusal } from './engine/runner-refusal.js';

export interface BatchedUsageParts {
  readonly cluster: GatewayCluster;
  /** Keeps amendments that toll does not hear of now, until it does. */
  readonly keep: (events: readonly UsageEvent[]) => Promise<void>;
  /** Amendments are lost: who paid for nothing stays charged. */
  readonly onLost: (events: readonly UsageEvent[], error: unknown) => void;
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
        return outcomesOf(events, refused);
      },
    });
    this.amendments = new Coalescer({
      maxBatch: 500,
      concurrency: 1,
      lingerMs: 1,
      bind,
      send: async (events) => {
        const untold = await this.untold(events);
        // Together, as they came: a crowd that kept each for itself would wait longer for the database than that lets it.
        if (untold.length > 0) await parts.keep(untold).catch((error: unknown) => parts.onLost(untold, error));
        return events.map(() => ({ ok: true, value: undefined }));
      },
    });
  }

  async record(event: UsageEvent): Promise<void> {
    await this.rows.add(event);
  }

  async amend(event: UsageEvent): Promise<void> {
    await this.amendments.add(event);
  }

  async drained(): Promise<void> {
    await this.rows.drained();
    await this.amendments.drained();
  }

  /** What toll did not take. */
  private async untold(events: readonly UsageEvent[]): Promise<readonly UsageEvent[]> {
    try {
      const { refused } = await this.parts.cluster.call(tollAmendUsage, { events: [...events] });
      const ids = new Set(refused.map(({ usageId }) => usageId));
      return events.filter(({ usageId }) => ids.has(usageId));
    } catch {
      return events; // why is told where it is tried again
    }
  }
}

function outcomesOf(
  events: readonly UsageEvent[],
  refused: readonly { readonly usageId: string; readonly code: string }[],
): BatchOutcome<undefined>[] {
  const codes = new Map(refused.map(({ usageId, code }) => [usageId, code]));
  return events.map(({ usageId }) => {
    const code = codes.get(usageId);
    if (code === undefined) return { ok: true, value: undefined };
    const message = 'The budget behind this request is gone. Try again.';
    return { ok: false, error: errorOfRefusal({ code, message }) };
  });
}
