import type { Bus } from '#bus';
import { governanceMembers, type PublicJwk } from '#contracts';

const freshForMs = 30_000;

/** Public keys of the cluster's operators, as governance lists them; asked again when one is not known or the list is old. */
export class PublisherKeys {
  private keys = new Map<string, PublicJwk>();
  private readAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly bus: Pick<Bus, 'call'>,
    private readonly now: () => number,
  ) {}

  async keyOf(operatorId: string): Promise<PublicJwk | undefined> {
    if (this.now() - this.readAt > freshForMs || !this.keys.has(operatorId)) {
      const { operators, formerOperators = [] } = await this.bus.call(governanceMembers, {});
      // What an operator published while they were one stays good: the registry approved it, and can withdraw it.
      this.keys = new Map([...formerOperators, ...operators].map(({ operatorId, key }) => [operatorId, key]));
      this.readAt = this.now();
    }
    return this.keys.get(operatorId);
  }
}
