import type { DataLocationPolicy } from '#contracts';

/** What holds for a person who chose nothing: nothing leaves the region. */
export function defaultPolicy(homeRegion: string): DataLocationPolicy {
  return {
    allowedRegions: [homeRegion],
    crossBorderAllowed: false,
    encryptionRequired: false,
    retention: { deleteOnRevoke: false, legalHold: false },
  };
}
