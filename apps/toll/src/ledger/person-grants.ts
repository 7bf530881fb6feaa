import { WatershedError } from '#errors';
import type { ClusterNode } from '#node';
import { GrantVerifier } from '#sigil';

/** Who asks toll for a person shows that a gateway let them; toll believes no personId by itself. */
export class PersonGrants {
  constructor(private readonly grants: Pick<GrantVerifier, 'verify'>) {}

  /** Throws `grant_invalid`, also where the grant is another person's. */
  async check({ personId, grant }: { readonly personId: string; readonly grant: string }): Promise<void> {
    const { sub } = await this.grants.verify(grant, { action: 'spend' });
    if (sub === personId) return;
    throw new WatershedError('grant_invalid', 'The grant is refused: it is for another person.', {
      details: { reason: 'another person' },
    });
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
