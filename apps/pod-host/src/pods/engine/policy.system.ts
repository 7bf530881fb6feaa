import type { DataLocationPolicy, GrantClaims, PolicyAction } from '#contracts';
import { WatershedError } from '#errors';
import { evaluate, narrow } from '#policy';

/**
 * Refuses what the narrower of the pod's policy and the grant's does not allow here. Pods are at home in the region that
 * took them in, which is this one, and lie encrypted; where they could leave it (replication, export) the destination is asked about.
 */
export function requirePolicy(
  action: PolicyAction,
  region: string,
  claims: Pick<GrantClaims, 'policy'>,
  podPolicy: DataLocationPolicy,
): void {
  const policy = narrow(podPolicy, claims.policy);
  if (policy.allowedRegions.length === 0) {
    throw new WatershedError('policy_forbids', "The pod's policy and the person's have no place in common.", {
      details: { region },
    });
  }
  const verdict = evaluate({ policy, action, destinationRegion: region, homeRegion: region, encrypted: true });
  if (!verdict.allowed) throw new WatershedError(verdict.code, verdict.reason, { details: { region } });
}
