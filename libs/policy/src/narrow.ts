import type { DataLocationPolicy } from '#contracts';
import { deeperRegion, regionCovers } from './region.js';

/**
 * The policy that allows exactly what all of these allow. The order and repetition of its arguments do not matter, and
 * it never allows what one of them forbids. Policies with no place in common give one with no allowed region, which
 * `evaluate` refuses for every action and no message can carry; so do policies that require resting places apart from
 * each other, for such data could be taken in nowhere.
 */
export function narrow(first: DataLocationPolicy, ...others: readonly DataLocationPolicy[]): DataLocationPolicy {
  return others.reduce(narrowTwo, normalForm(first));
}

function narrowTwo(one: DataLocationPolicy, other: DataLocationPolicy): DataLocationPolicy {
  const required = narrowRequired(one.requiredRegion, other.requiredRegion);
  const regions = required.possible
    ? one.allowedRegions.flatMap((a) => other.allowedRegions.flatMap((b) => deeperRegion(a, b) ?? []))
    : [];
  const maxAges = [one.retention.maxAgeSeconds, other.retention.maxAgeSeconds].filter((age) => age !== undefined);
  return normalForm({
    allowedRegions: regions,
    requiredRegion: required.region,
    crossBorderAllowed: one.crossBorderAllowed && other.crossBorderAllowed,
    encryptionRequired: one.encryptionRequired || other.encryptionRequired,
    retention: {
      maxAgeSeconds: maxAges.length === 0 ? undefined : Math.min(...maxAges),
      deleteOnRevoke: one.retention.deleteOnRevoke || other.retention.deleteOnRevoke,
      legalHold: one.retention.legalHold || other.retention.legalHold,
    },
  });
}

function narrowRequired(one?: string, other?: string): { possible: boolean; region?: string } {
  if (one === undefined || other === undefined) return { possible: true, region: one ?? other };
  const region = deeperRegion(one, other);
  return { possible: region !== undefined, region };
}

/** One text for one meaning: no region twice or under another, sorted; nothing required where nothing is allowed. */
function normalForm(policy: DataLocationPolicy): DataLocationPolicy {
  const distinct = [...new Set(policy.allowedRegions)].sort();
  const allowedRegions = distinct.filter(
    (region) => !distinct.some((rule) => rule !== region && regionCovers(rule, region)),
  );
  const { maxAgeSeconds, deleteOnRevoke, legalHold } = policy.retention;
  const required = allowedRegions.length > 0 ? policy.requiredRegion : undefined;
  return {
    allowedRegions,
    ...(required === undefined ? {} : { requiredRegion: required }),
    crossBorderAllowed: policy.crossBorderAllowed,
    encryptionRequired: policy.encryptionRequired,
    retention: { ...(maxAgeSeconds === undefined ? {} : { maxAgeSeconds }), deleteOnRevoke, legalHold },
  };
}
