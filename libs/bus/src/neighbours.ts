/** Takes a message, with the channel that it came by. */
export type MessageSink = (channel: string, text: string) => void;

/**
 * The nodes of one process. What one of them says to another does not leave it: it is handed over under the channel and in
 * the words that it would have had by Redis, and is judged as they would be. Never from within the sender's own call: the
 * receiver has it in a microtask.
 */
export class Neighbours {
  private readonly inboxes = new Map<string, MessageSink>();

  /** From now on the node gets through `inbox` what its neighbours send it. Returns how to leave. */
  enter(node: { readonly clusterId: string; readonly nodeId: string }, inbox: MessageSink): () => void {
    const address = `${node.clusterId}:${node.nodeId}`;
    this.inboxes.set(address, inbox);
    return () => {
      if (this.inboxes.get(address) === inbox) this.inboxes.delete(address);
    };
  }

  /** Hands `text` over where the node that `channel` names is one of them; false where it is not. */
  hand(channel: string, text: string): boolean {
    const inbox = this.inboxes.get(channel.slice(0, channel.indexOf(':', channel.indexOf(':') + 1)));
    if (!inbox) return false;
    queueMicrotask(() => inbox(channel, text));
    return true;
  }
}
