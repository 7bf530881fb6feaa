import { z } from 'zod';
import { tollAmendUsage, type UsageEvent, usageEvent } from '#contracts';
import { WatershedError } from '#errors';
import { type Database, Outbox, type OutboxMessage } from '#persistence';
import type { Logger } from '#telemetry';
import type { GatewayCluster } from '../cluster/cluster.port.js';

export interface KeptAmendmentsParts {
  readonly database: Pick<Database, 'transaction'>;
  readonly cluster: Pick<GatewayCluster, 'call' | 'nodeId'>;
  readonly logger: Logger;
  readonly wakeOutbox: () => void;
  readonly now?: () => Date;
}

const kind = 'amend-usage';
const payload = z.object({ events: z.array(usageEvent).min(1) });
/** After that the gateway whose usage it is will not come back; whoever finds it says so and lets it go. */
const givenUpAfterMs = 24 * 3_600_000;

/** Amendments of usage that toll did not hear of at once: kept in the outbox until it does. */
export class KeptAmendments {
  private readonly outbox = new Outbox('gateway');

  constructor(private readonly parts: KeptAmendmentsParts) {}

  static takes(message: OutboxMessage): boolean {
    return message.kind === kind;
  }

  async keep(events: readonly UsageEvent[]): Promise<void> {
    const { database, cluster, wakeOutbox } = this.parts;
    const stream = `usage:${cluster.nodeId}`;
    await database.transaction((tx) => this.outbox.append(tx, { stream, kind, payload: { events } }));
    wakeOutbox();
  }

  /** Toll takes an amendment only from the gateway whose usage it is: another one that finds it leaves it to that. */
  async deliver(message: OutboxMessage): Promise<void> {
    const { cluster, logger, now = () => new Date() } = this.parts;
    const { events } = payload.parse(message.payload);
    const since = Math.min(...events.map(({ occurredAt }) => Date.parse(occurredAt)));
    const late = now().getTime() - since > givenUpAfterMs;
    if (message.stream !== `usage:${cluster.nodeId}`) {
      const usageIds = events.map(({ usageId }) => usageId);
      if (late)
        return logger.error({ usageIds, stream: message.stream }, 'the gateway of these amendments did not come back');
      throw new WatershedError('conflict', 'These amendments are of the usage of another gateway.');
    }
    const { refused } = await cluster.call(tollAmendUsage, { events });
    const poor = refused.some(({ code }) => code === 'purse_empty');
    // Asked again it would be refused again, except for want of revenue; what waits behind waits no longer than a day for that.
    if (poor && !late) throw new WatershedError('purse_empty', 'There is no revenue to refund this from.');
    for (const { usageId, code } of refused) logger.error({ usageId, code }, 'toll refused an amendment of usage');
  }
}
