import { gatewayCountRates, type NodeEntry, type NodeId } from '#contracts';
import { toWireError } from '#errors';
import type { Logger } from '#telemetry';
import type { GatewayCluster } from '../cluster/cluster.port.js';
import type { SharedRate } from './engine/shared-rate.js';

/** How long what one gateway let through may be unknown to the others. */
const settleAfterMs = 100;
/** A message stays far below what the bus takes. */
const countsAMessage = 500;

/** Tells the other gateways what was counted here, to each of them alone: whom a person asks how often is nobody else's business. */
export class RateSettlement {
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly cluster: Pick<GatewayCluster, 'answer' | 'call' | 'find' | 'nodeId'>,
    private readonly rate: Pick<SharedRate, 'add' | 'takeFresh'>,
    private readonly logger: Pick<Logger, 'debug'>,
  ) {
    cluster.answer(gatewayCountRates, async ({ counts }) => {
      this.rate.add(counts);
      return {};
    });
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
