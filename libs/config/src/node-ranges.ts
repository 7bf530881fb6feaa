import { HostList, placesText } from './host-list.js';
import { type InternalNetwork, loopback } from './internal-network.js';

/** Addresses that no route on the internet leads to (RFC 1918, RFC 4193). */
const privateRanges: readonly string[] = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'];

/**
 * Where nodes may take content: what the operator lists. Where they list nothing: this machine, private addresses, and the
 * internal network. The nodes of the cluster's first operator may always lie in the internal network, which that operator
 * has named, too.
 */
export class NodeRanges {
  private readonly listed: HostList;
  private readonly open: boolean;

  constructor(
    readonly network: InternalNetwork,
    listed?: HostList,
  ) {
    this.open = listed === undefined;
    this.listed = listed ?? new HostList([...loopback, ...privateRanges]);
  }

  /** Whether a node may be reached at `host`, as it stands in a URL. */
  has(host: string, ofFirstOperator: boolean): boolean {
    return this.listed.has(host) || ((this.open || ofFirstOperator) && this.network.has(host));
  }
}

/** For the services that judge manifests. */
export const nodeRangesShape = {
  /** Names, domains (`.example`), addresses and ranges in which nodes may take content, separated by commas. */
  WATERSHED_NODE_RANGES: placesText((places) => new HostList(places)).optional(),
};
