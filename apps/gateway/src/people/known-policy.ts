import type { DataLocationPolicy } from '#contracts';
import { WatershedError } from '#errors';
import { deeperRegion, isKnownRegion } from '#policy';

/**
 * The policy, when all regions that it names are known: a rule for a place that nobody knows would look like one that
 * allows or forbids something. Throws `region_unknown`, and `policy_invalid` for one that no place could ever satisfy.
 */
export function knownPolicy(policy: DataLocationPolicy, ...also: readonly string[]): DataLocationPolicy {
  const named = [...also, ...policy.allowedRegions, ...(policy.requiredRegion ? [policy.requiredRegion] : [])];
  const unknown = named.find((region) => !isKnownRegion(region));
  if (unknown) {
    throw new WatershedError('region_unknown', `No region "${unknown}" is known here.`, {
      details: { region: unknown },
    });
  }
  const { allowedRegions, requiredRegion: required } = policy;
  if (required && !allowedRegions.some((allowed) => deeperRegion(allowed, required))) {
    throw new WatershedError(
      'policy_invalid',
      `requiredRegion (${required}) lies in none of allowedRegions: such data could rest nowhere. Allow it, or require another.`,
      { details: { region: required } },
    );
  }
  return policy;
}
