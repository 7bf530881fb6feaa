import { WatershedError } from '#errors';

export type Party = 'local' | 'guest';

/**
 * Who works in a model's process. It is ended over nobody's head: only when every lease on it is being revoked. Guests never
 * share one with local people, so that neither's hang or crash ends the other's work.
 */
export class Tenants {
  private readonly leases = new Map<string, { readonly party: Party; revoking: boolean }>();

  /** Rejects with `conflict` whoever would share with the other party. */
  admit(leaseId: string, party: Party): void {
    for (const other of this.leases.values())
      if (other.party !== party)
        throw new WatershedError('conflict', 'Guests and local people share no process of a model.', {
          details: { reason: 'process_shared', party: other.party },
        });
    if (!this.leases.has(leaseId)) this.leases.set(leaseId, { party, revoking: false });
  }

  revoke(leaseId: string): void {
    const lease = this.leases.get(leaseId);
    if (lease) lease.revoking = true;
  }

  leave(leaseId: string): void {
    this.leases.delete(leaseId);
  }

  get allRevoked(): boolean {
    return [...this.leases.values()].every(({ revoking }) => revoking);
  }
}
