import { gatewayCountRates, gatewayRates, maxRateWindows, type NodeEntry, type NodeId } from '#contracts';
import { toWireError } from '#errors';
import type { Logger } from '#telemetry';
import type { GatewayCluster } from '../cluster/cluster.port.js';
import type { SharedRate } from './engine/shared-rate.js';

/** How long what one gateway let through may be unknown to the others. */
const settleAfterMs = 100;
/** How long the start of a gateway waits for the others to say what they know. */
const learnWithinMs = 250;
/** A message stays far below what the bus takes. */
const countsAMessage = 500;

/** Tells the other gateways what was counted here, to each of them alone: whom a person asks how often is nobody else's business. */
export class RateSettlement {
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly cluster: Pick<GatewayCluster, 'answer' | 'call' | 'find' | 'nodeId'>,
    private readonly rate: Pick<SharedRate, 'add' | 'takeFresh' | 'standing' | 'takeOver'>,
    private readonly logger: Pick<Logger, 'debug'>,
  ) {
    cluster.answer(gatewayCountRates, async ({ counts }) => {
      this.rate.add(counts);
      return {};
    });
    cluster.answer(gatewayRates, async () => ({ counts: this.rate.standing(maxRateWindows) }));
  }

  /** Takes over what the others know, or whoever is at the limit would begin anew at each restart. After the join. */
  async learn(): Promise<void> {
    await Promise.all(
      this.otherGateways().map(async ({ nodeId: to }) => {
        try {
          this.rate.takeOver((await this.cluster.call(gatewayRates, {}, { to, timeoutMs: learnWithinMs })).counts);
        } catch (error) {
          // Another one may know; if none does, the limit is that much higher for a window.
          this.logger.debug({ code: toWireError(error).code, to }, 'another gateway did not say what it has counted');
        }
      }),
    );
  }

  /** How many gateways there are beside this one, as far as it knows. */
  get others(): number {
    return this.otherGateways().length;
  }

  /** Something was counted. */
  soon(): void {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.settle();
    }, settleAfterMs).unref();
  }

  private settle(): void {
    const counts = this.rate.takeFresh();
    const others = this.otherGateways();
    for (let from = 0; from < counts.length; from += countsAMessage) {
      const some = counts.slice(from, from + countsAMessage);
      for (const { nodeId } of others) this.tell(nodeId, some);
    }
  }

  private otherGateways(): NodeEntry[] {
    return this.cluster.find('gateway').filter(({ nodeId }) => nodeId !== this.cluster.nodeId);
  }

  private tell(to: NodeId, counts: ReturnType<SharedRate['takeFresh']>): void {
    // One that cannot be told counts without these: the limit is then that much higher for a window.
    this.cluster.call(gatewayCountRates, { counts }, { to }).catch((error: unknown) => {
      this.logger.debug({ code: toWireError(error).code, to }, 'another gateway did not take what was counted here');
    });
  }
}
