import type { Bus } from '#bus';
import { governanceMembers, type PublicJwk } from '#contracts';
import type { Publishers } from './engine/model.ports.js';

/** Publishers are the cluster's operators, as governance has them now. */
export class OperatorPublishers implements Publishers {
  constructor(private readonly bus: Pick<Bus, 'call'>) {}

  async keyOf(operatorId: string): Promise<PublicJwk | undefined> {
    const { operators } = await this.bus.call(governanceMembers, {});
    return operators.find((each) => each.operatorId === operatorId)?.key;
  }
}
