/** A call whose answer is awaited. */
export interface PendingCall {
  readonly sentAt: number;
  readonly resolve: (data: unknown) => void;
  readonly reject: (error: unknown) => void;
  readonly timer: NodeJS.Timeout;
  readonly signal: AbortSignal | undefined;
  readonly onAbort: (() => void) | undefined;
}

/** A node that is called: the count of our calls to it and those unanswered. */
export class Peer {
  sequence = 0;
  readonly pending = new Map<number, PendingCall>();

  constructor(readonly nodeId: string) {}

  /** Its answer is there, or will not be waited for any more. */
  settle(n: number, pending: PendingCall): void {
    this.pending.delete(n);
    clearTimeout(pending.timer);
    if (pending.signal && pending.onAbort) pending.signal.removeEventListener('abort', pending.onAbort);
  }

  /** Nothing where call `n` has been settled. */
  fail(n: number, error: unknown): void {
    const pending = this.pending.get(n);
    if (!pending) return;
    this.settle(n, pending);
    pending.reject(error);
  }
}

/** What this process has asked of other nodes and not been answered. Replies are looked up under who sent them. */
export class PendingCalls {
  private readonly byNode = new Map<string, Peer>();

  get count(): number {
    let count = 0;
    for (const peer of this.byNode.values()) count += peer.pending.size;
    return count;
  }

  get peers(): Iterable<Peer> {
    return this.byNode.values();
  }

  /** Undefined for a node that was never called. */
  known(nodeId: string): Peer | undefined {
    return this.byNode.get(nodeId);
  }

  of(nodeId: string): Peer {
    let peer = this.byNode.get(nodeId);
    if (!peer) {
      peer = new Peer(nodeId);
      this.byNode.set(nodeId, peer);
    }
    return peer;
  }

  failAll(reason: () => unknown): void {
    for (const peer of this.byNode.values()) for (const n of [...peer.pending.keys()]) peer.fail(n, reason());
  }
}
