import { callLost, nodeUnreachable } from './bus.errors.js';
import type { BusMetrics } from './bus.metrics.js';
import { REMEMBERED_CALLS } from './caller-window.js';
import { readCallList, writeCallList } from './envelope.js';
import type { Peer, PendingCalls } from './pending-calls.js';

/** How long a call waits before its node is asked about it, and how often it is asked again. */
export const PROBE_AFTER_MS = 250;
/** Answers to probes older than this many intervals are not waited for. */
const REMEMBERED_PROBES = 20;

/** Publishes a probe; `done` gets the count of subscribers that received it. */
export type Ping = (
  nodeId: string,
  text: string,
  done: (error: Error | null | undefined, listeners: number) => void,
) => void;

interface Probe {
  /** The newest call that went out before it. */
  readonly newest: number;
  listeners: number | undefined;
  missing: readonly number[] | undefined;
}

interface Probing {
  /** Probes in a row that nobody received. */
  missed: number;
  readonly sent: Map<number, Probe>;
}

/**
 * Finds calls that nobody works on any more, long before their deadline, and costs nothing while calls are answered soon.
 *
 * A probe names the calls that wait, and goes the way that they went. Where Redis counts no listener twice in a row, the
 * node is gone; twice, because it may just be reconnecting. Where there is one listener, it answers with those of the
 * calls that it has never received: what was published before the probe on the same connection would have come before
 * it, so these went to an earlier process of the node, or were lost on the way. While Redis counts several listeners (an
 * earlier process still drains, or two claim one id), no one's word is enough: another may have the call in hand.
 */
export class CallProbe {
  private readonly probing = new Map<Peer, Probing>();
  private timer: NodeJS.Timeout | undefined;
  private count = 0;

  constructor(
    private readonly calls: PendingCalls,
    private readonly instance: string,
    private readonly metrics: Pick<BusMetrics, 'drop'>,
    private readonly up: () => boolean,
    private readonly ping: Ping,
  ) {}

  /** A call has gone out: probes until none waits. */
  watch(): void {
    this.timer ??= setInterval(() => {
      this.probe(performance.now());
      if (this.calls.count === 0) this.stop();
    }, PROBE_AFTER_MS);
  }

  /** Asks about what has waited too long at `now`, on the clock of `sentAt`. */
  probe(now: number): void {
    for (const peer of this.calls.peers) {
      const overdue = this.up() ? overdueOf(peer, now - PROBE_AFTER_MS) : [];
      if (overdue.length > 0) this.ask(peer, overdue);
      else this.probing.delete(peer);
    }
  }

  /** Takes a node's answer to a probe: the calls that its process never received. */
  hear(from: string, text: string): void {
    const read = readCallList(text);
    if (!read) {
      this.metrics.drop('message_malformed');
      return;
    }
    const peer = this.calls.known(from);
    const probe = peer && read.i === this.instance ? this.probing.get(peer)?.sent.get(read.p) : undefined;
    if (!peer || !probe) {
      this.metrics.drop('reply_unasked');
      return;
    }
    probe.missing = read.n;
    judge(peer, probe);
  }

  private stop(): void {
    clearInterval(this.timer);
    this.timer = undefined;
    this.probing.clear();
  }

  private ask(peer: Peer, overdue: readonly number[]): void {
    const probing = this.probing.get(peer) ?? { missed: 0, sent: new Map<number, Probe>() };
    this.probing.set(peer, probing);
    this.count += 1;
    const number = this.count;
    const probe: Probe = { newest: peer.sequence, listeners: undefined, missing: undefined };
    probing.sent.set(number, probe);
    for (const old of probing.sent.keys()) {
      if (probing.sent.size <= REMEMBERED_PROBES) break;
      probing.sent.delete(old);
    }
    this.ping(peer.nodeId, writeCallList(this.instance, number, overdue), (error, listeners) => {
      if (error) return;
      probe.listeners = listeners;
      probing.missed = listeners === 0 ? probing.missed + 1 : 0;
      if (probing.missed >= 2) failUpTo(peer, probe.newest);
      else judge(peer, probe);
    });
  }
}

/** The count of listeners comes on one connection and their answer on the other, in either order. */
function judge(peer: Peer, { newest, listeners, missing }: Probe): void {
  if (listeners !== 1 || !missing) return;
  for (const n of missing) if (n <= newest) peer.fail(n, callLost(peer.nodeId));
}

function failUpTo(peer: Peer, newest: number): void {
  for (const n of [...peer.pending.keys()]) if (n <= newest) peer.fail(n, nodeUnreachable(peer.nodeId, false));
}

/** Calls are kept in the order in which they were sent. No more are asked about than their callee can remember. */
function overdueOf(peer: Peer, before: number): number[] {
  const overdue: number[] = [];
  for (const [n, { sentAt }] of peer.pending) {
    if (sentAt > before || overdue.length === REMEMBERED_CALLS) break;
    overdue.push(n);
  }
  return overdue;
}
