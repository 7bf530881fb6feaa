import { HostList, placesText } from './host-list.js';

/** This machine, as its own processes reach it. */
export const loopback: readonly string[] = ['localhost', '127.0.0.0/8', '::1'];

/**
 * The places between which plain text may travel: this machine, and the hosts and ranges that the operator says nobody
 * else can listen in, such as the internal networks of a compose stack. Everything else needs TLS.
 */
export class InternalNetwork extends HostList {
  constructor(places: readonly string[] = []) {
    super([...loopback, ...places]);
  }

  /** Whether plain text may travel to `host`, as it stands in a URL or as a listener is bound; a socket's path may. */
  override has(host: string): boolean {
    return host === '' || host.startsWith('/') || super.has(host);
  }

  /** Whether what is sent to `url` would travel by HTTP in plain text where others can listen. Throws where it is no URL. */
  exposes(url: string): boolean {
    const { protocol, hostname } = new URL(url);
    return protocol === 'http:' && !this.has(hostname);
  }
}

/** Schema of a list of such places, separated by commas. */
export const internalNetwork = () => placesText((places) => new InternalNetwork(places)).prefault('');
