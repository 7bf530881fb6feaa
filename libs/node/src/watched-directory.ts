import type { CallOutcome, NodeRouter } from '#bus';
import type { KeyPurpose, NodeEntry, NodeId, PublicJwk, ServiceName } from '#contracts';

export type DirectoryChange = { readonly nodeId: NodeId; readonly entry: NodeEntry | undefined };

/** The cluster's nodes as this node knows them: its watch of the index, kept fresh by heartbeats. */
export class WatchedDirectory implements NodeRouter {
  find(_service: ServiceName): readonly NodeEntry[] {
    throw new Error('not wired');
  }
  get(_nodeId: NodeId): NodeEntry | undefined {
    throw new Error('not wired');
  }
  /** Every node known, healthy or not. */
  all(): readonly NodeEntry[] {
    throw new Error('not wired');
  }
  /** Power of two choices over measured latency and work in flight; nodes whose circuit is open are left out. */
  pick(_service: ServiceName, _filter?: (entry: NodeEntry) => boolean): NodeEntry | undefined {
    throw new Error('not wired');
  }
  begin(_nodeId: NodeId): void {}
  report(_nodeId: NodeId, _outcome: CallOutcome): void {}
  async resolve(nodeId: NodeId): Promise<NodeEntry | undefined> {
    return this.get(nodeId);
  }
  /** Keys of this purpose that the node declared in its manifest: what `GrantVerifier` asks for. */
  keysFor(_nodeId: NodeId, _purpose: KeyPurpose): PublicJwk[] {
    return [];
  }
  /** Calls `listener` after every change; returns how to stop. */
  onChange(_listener: (change: DirectoryChange) => void): () => void {
    return () => undefined;
  }
  /** Resolves when the service has a node that can be called; `no_node_available` after `timeoutMs`. */
  async waitFor(_service: ServiceName, _timeoutMs: number): Promise<NodeEntry> {
    throw new Error('not wired');
  }
}
