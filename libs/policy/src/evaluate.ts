import type { DataLocationPolicy, PolicyAction } from '#contracts';
import { knownRegions } from './known-regions.js';
import { isKnownRegion, regionCovers } from './region.js';
import type { RegionTree } from './region-tree.js';

/** 1 experimental, 2 peer, 3 community, 4 verified. */
export type TrustLevel = 1 | 2 | 3 | 4;

/** A recorded consent by the Double Lock: what it covers and until when. */
export interface ConsentTerms {
  readonly consentId: string;
  readonly version: number;
  readonly actions: readonly PolicyAction[];
  /** Regions (with all under them) that it lets the data go to. */
  readonly regions: readonly string[];
  readonly expiresAtMs: number;
  readonly revoked: boolean;
}

export interface PolicyQuestion {
  readonly policy: DataLocationPolicy;
  readonly action: PolicyAction;
  readonly destinationRegion: string;
  /** Where the data is at home: going anywhere that is not under it is crossing the border. */
  readonly homeRegion: string;
  readonly consent?: ConsentTerms;
  /** Now, in milliseconds since 1970; a consent cannot be judged without it. */
  readonly atMs?: number;
  /** How far the destination's cluster is trusted; absent for the home cluster. */
  readonly trust?: TrustLevel;
  /** Whether the data travels and rests unreadable to all but the destination's executor, or to all but its owner. */
  readonly encrypted?: boolean;
  readonly tree?: RegionTree;
}

export type PolicyRefusalCode = 'region_unknown' | 'policy_forbids' | 'consent_missing';

export type PolicyVerdict =
  | { readonly allowed: true }
  | { readonly allowed: false; readonly code: PolicyRefusalCode; readonly reason: string };

/** Actions after which the data lies at the destination. */
const restingActions: ReadonlySet<PolicyAction> = new Set(['store', 'replicate', 'backup']);
const community: TrustLevel = 3;
const verified: TrustLevel = 4;

/**
 * Whether `action` may bring the data to `destinationRegion`. The one judgement of every hop: pure, and closed by
 * default. Crossing the border takes both locks, a policy that allows it and a consent that covers it; a consent does
 * not open what the policy closes.
 */
export function evaluate(question: PolicyQuestion): PolicyVerdict {
  const { policy, action, destinationRegion: destination, homeRegion: home, encrypted = false } = question;
  const tree = question.tree ?? knownRegions;
  const named = [
    destination,
    home,
    ...policy.allowedRegions,
    ...(policy.requiredRegion ? [policy.requiredRegion] : []),
  ];
  const unknown = named.find((region) => !isKnownRegion(region, tree));
  if (unknown !== undefined) return refuse('region_unknown', `No region "${unknown}" is known here.`);

  if (!policy.allowedRegions.some((rule) => regionCovers(rule, destination))) {
    return refuse('policy_forbids', `The policy does not allow the data in ${destination}.`);
  }
  const rests = restingActions.has(action);
  if (rests && policy.requiredRegion !== undefined && !regionCovers(policy.requiredRegion, destination)) {
    return refuse('policy_forbids', `The policy requires the data to rest in ${policy.requiredRegion}.`);
  }
  const crosses = !regionCovers(home, destination);
  if (crosses && !policy.crossBorderAllowed) {
    return refuse('policy_forbids', `The policy does not let the data leave ${home}.`);
  }
  if (policy.encryptionRequired && !encrypted && (rests || crosses)) {
    return refuse('policy_forbids', 'The policy requires encryption, and there would be none.');
  }
  const untrusted = distrust(question, crosses, rests && !encrypted);
  if (untrusted) return untrusted;
  return crosses ? judgeConsent(question) : { allowed: true };
}

/** What a foreign cluster may be given; readable data to keep only goes to a verified one. */
function distrust(question: PolicyQuestion, crosses: boolean, readableAtRest: boolean): PolicyVerdict | undefined {
  if (question.trust === undefined && !crosses) return undefined;
  const needed = readableAtRest ? verified : community;
  if ((question.trust ?? 0) >= needed) return undefined;
  return refuse('policy_forbids', `The destination's trust level must be at least ${needed} for this.`);
}

function judgeConsent({ consent, action, destinationRegion, atMs }: PolicyQuestion): PolicyVerdict {
  const missing = (reason: string) => refuse('consent_missing', reason);
  if (!consent) return missing(`The data would leave its region for ${destinationRegion} without a consent.`);
  if (consent.revoked) return missing('The consent was revoked.');
  if (atMs === undefined || atMs >= consent.expiresAtMs) return missing('The consent has expired.');
  if (!consent.actions.includes(action)) return missing(`The consent does not cover "${action}".`);
  if (!consent.regions.some((rule) => regionCovers(rule, destinationRegion))) {
    return missing(`The consent does not cover ${destinationRegion}.`);
  }
  return { allowed: true };
}

function refuse(code: PolicyRefusalCode, reason: string): PolicyVerdict {
  return { allowed: false, code, reason };
}
