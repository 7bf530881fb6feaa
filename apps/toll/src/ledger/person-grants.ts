import type { MoneyOrder, NodeId } from '#contracts';
import { WatershedError } from '#errors';
import type { ClusterNode } from '#node';
import { GrantVerifier, moneyOrderDigest } from '#sigil';

/** Who asks toll for a person shows that a gateway let them; toll believes no personId by itself. */
export class PersonGrants {
  constructor(private readonly grants: Pick<GrantVerifier, 'verify'>) {}

  /** Throws `grant_invalid`, also where the grant is another person's. */
  async check({ personId, grant }: { readonly personId: string; readonly grant: string }): Promise<void> {
    const { sub } = await this.grants.verify(grant, { action: 'spend' });
    if (sub !== personId) throw refuse('another person');
  }

  /**
   * Money is created on the word of the gateway that calls, for this order and no other: neither who holds its Redis login
   * nor another gateway that overheard its grant can have a different one made. Throws `grant_invalid`.
   */
  async checkOrder(order: MoneyOrder, grant: string, caller: NodeId): Promise<void> {
    const { sub, iss } = await this.grants.verify(grant, { action: 'fund', order: moneyOrderDigest(order) });
    if (sub !== order.personId) throw refuse('another person');
    if (iss !== caller) throw refuse('a call of another gateway');
  }
}

/** By the grant keys that the cluster's gateways declare, and nobody else's. */
export const personGrantsOf = ({ clusterId, directory }: ClusterNode): PersonGrants =>
  new PersonGrants(
    new GrantVerifier({
      clusterId,
      keysFor: (issuer) =>
        directory.get(issuer)?.manifest.services.includes('gateway') ? directory.keysFor(issuer, 'grant') : [],
    }),
  );

const refuse = (reason: string) =>
  new WatershedError('grant_invalid', `The grant is refused: it is for ${reason}.`, { details: { reason } });
