import type { ClusterDelegation, ClusterDescriptor } from '#contracts';

/** A descriptor that was issued, with the delegation that names the key it was signed with. */
export interface IssuedDescriptor {
  readonly descriptor: ClusterDescriptor;
  readonly delegation: ClusterDelegation;
  /** Of what it says besides its number and times. */
  readonly contentDigest: string;
}

/** Where a cluster's newest descriptor lies, one for all its bridges. */
export interface DescriptorStore {
  latest(clusterId: string): Promise<IssuedDescriptor | undefined>;
  /** Puts `next` in the place of `previous`, durably; false where another bridge was first. */
  replace(previous: IssuedDescriptor | undefined, next: IssuedDescriptor): Promise<boolean>;
}

/** What the cluster says of itself, before numbers and times. */
export interface DescriptorContent {
  readonly name: string;
  readonly region: string;
  readonly bridgeUrls: readonly string[];
  readonly protocolVersions: readonly string[];
  readonly capabilities: readonly string[];
}
