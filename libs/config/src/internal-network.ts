import { BlockList, isIP } from 'node:net';
import { z } from 'zod';

/**
 * The places between which plain text may travel: this machine, and the hosts and ranges that the operator says nobody
 * else can listen in, such as the internal networks of a compose stack. Everything else needs TLS.
 */
export class InternalNetwork {
  private readonly ranges = new BlockList();
  private readonly names = new Set(['localhost']);

  /** Host names, addresses and ranges (`10.1.0.0/16`). Throws RangeError for what is none of them. */
  constructor(places: readonly string[] = []) {
    this.ranges.addSubnet('127.0.0.0', 8);
    this.ranges.addAddress('::1', 'ipv6');
    for (const place of places) this.add(place);
  }

  /** Whether plain text may travel to `host`, as it stands in a URL or as a listener is bound; a socket's path may. */
  has(host: string): boolean {
    const bare = bareHost(host);
    if (bare === '' || bare.startsWith('/')) return true;
    const family = isIP(bare);
    if (family === 0) return this.names.has(bare);
    return this.ranges.check(bare, family === 6 ? 'ipv6' : 'ipv4');
  }

  /** Whether what is sent to `url` would travel by HTTP in plain text where others can listen. Throws where it is no URL. */
  exposes(url: string): boolean {
    const { protocol, hostname } = new URL(url);
    return protocol === 'http:' && !this.has(hostname);
  }

  private add(place: string): void {
    const [address = '', prefix, ...rest] = place.split('/');
    const family = isIP(address);
    const type = family === 6 ? 'ipv6' : 'ipv4';
    if (family === 0 && prefix === undefined && /^[\w][\w.-]*$/.test(place)) this.names.add(bareHost(place));
    else if (family !== 0 && prefix === undefined) this.ranges.addAddress(address, type);
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

/** Schema of a list of such places, separated by commas. */
export const internalNetwork = () =>
  z
    .string()
    .default('')
    .transform((text, context) => {
      try {
        return new InternalNetwork(text.split(',').flatMap((place) => place.trim() || []));
      } catch {
        context.addIssue({ code: 'custom', message: 'must list host names, addresses or ranges, separated by commas' });
        return z.NEVER;
      }
    });
