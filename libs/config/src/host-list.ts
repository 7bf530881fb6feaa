import { BlockList, isIP } from 'node:net';
import { z } from 'zod';

/**
 * Hosts that an operator lists: names, whole domains (`.example`), addresses and ranges (`10.1.0.0/16`). Names are
 * compared, never resolved: what a name resolves to can change between the check and the use.
 */
export class HostList {
  private readonly ranges = new BlockList();
  private readonly names = new Set<string>();
  private readonly domains: string[] = [];

  /** Throws RangeError for what is none of them. */
  constructor(places: readonly string[] = []) {
    for (const place of places) this.add(place);
  }

  /** Whether `host`, as it stands in a URL or as a listener is bound, is one of them. An IPv4 address in IPv6's form is that address. */
  has(host: string): boolean {
    const bare = bareHost(host);
    const family = isIP(bare);
    if (family !== 0) return this.ranges.check(bare, family === 6 ? 'ipv6' : 'ipv4');
    return this.names.has(bare) || this.domains.some((domain) => bare.endsWith(domain));
  }

  private add(place: string): void {
    const [address = '', prefix, ...rest] = place.split('/');
    const family = isIP(address);
    const type = family === 6 ? 'ipv6' : 'ipv4';
    if (family === 0 && prefix === undefined && /^\.?[\w][\w.-]*$/.test(place)) {
      if (place.startsWith('.')) this.domains.push(bareHost(place));
      else this.names.add(bareHost(place));
    } else if (family !== 0 && prefix === undefined) this.ranges.addAddress(address, type);
    else if (family !== 0 && prefix !== undefined && /^\d+$/.test(prefix) && rest.length === 0)
      this.ranges.addSubnet(address, Number(prefix), type);
    else throw new RangeError('not a host name, an address or a range');
  }
}

/** Without the brackets of a URL's IPv6 address and without the dot that ends a full name. */
function bareHost(host: string): string {
  return host
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '')
    .toLowerCase();
}

/** Schema of places separated by commas, as `make` takes them. */
export const placesText = <List>(make: (places: readonly string[]) => List) =>
  z.string().transform((text, context) => {
    try {
      return make(text.split(',').flatMap((place) => place.trim() || []));
    } catch {
      context.addIssue({ code: 'custom', message: 'must list host names, addresses or ranges, separated by commas' });
      return z.NEVER;
    }
  });
