/** Channels of the bus: `<cluster>:<to>:<from>:<what>`, exactly four segments. */
export interface BusChannel {
  readonly to: string;
  readonly from: string;
  /** A method's or broadcast's name, or one of `reply`, `ping`, `missing`, `cancel`. */
  readonly what: string;
}

/** The `to` of a broadcast; node ids are thumbprints, so none can be called this. */
export const EVERYONE = 'all';
/** Words of the bus itself in the last segment; no method may be called so. */
export const REPLY = 'reply';
export const PING = 'ping';
export const MISSING = 'missing';
export const CANCEL = 'cancel';
export const RESERVED_NAMES: ReadonlySet<string> = new Set([REPLY, PING, MISSING, CANCEL]);

const SEGMENT = /^[A-Za-z0-9_-]{1,128}$/;
const MAX_REMEMBERED = 4_096;

export const isSegment = (text: string): boolean => SEGMENT.test(text);

/**
 * Reads channels addressed to one node of one cluster. A Redis pattern's `*` spans the separator, so what a pattern let
 * through is still checked here: another count of segments or another character makes the message nobody's.
 */
export class ChannelReader {
  private readonly known = new Map<string, BusChannel | undefined>();

  constructor(
    private readonly clusterId: string,
    private readonly nodeId: string,
  ) {}

  /** Undefined for whatever is not addressed, in form and content, to this node or to everyone in its cluster. */
  read(channel: string): BusChannel | undefined {
    const known = this.known.get(channel);
    if (known) return known;
    const segments = channel.split(':');
    const [cluster, to, from, what] = segments;
    if (segments.length !== 4 || !cluster || !to || !from || !what) return undefined;
    if (cluster !== this.clusterId || (to !== this.nodeId && to !== EVERYONE)) return undefined;
    if (!isSegment(from) || !isSegment(what)) return undefined;
    const parsed = { to, from, what };
    // Bounded: whoever may publish to this node can make up names, but not fill its memory with them.
    if (this.known.size >= MAX_REMEMBERED) this.known.clear();
    this.known.set(channel, parsed);
    return parsed;
  }
}

export const channelOf = (clusterId: string, to: string, from: string, what: string): string =>
  `${clusterId}:${to}:${from}:${what}`;
/** One pattern covers the calls to a node and the replies to its own. */
export const inboxPattern = (clusterId: string, nodeId: string): string => `${clusterId}:${nodeId}:*`;
export const broadcastPattern = (clusterId: string): string => `${clusterId}:${EVERYONE}:*`;
