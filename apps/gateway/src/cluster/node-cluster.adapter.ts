import type { MethodHandler, PayloadInputOf } from '#bus';
import type {
  BusBroadcast,
  BusMethod,
  NodeEntry,
  NodeId,
  PayloadOf,
  PublicJwk,
  RequestOf,
  ResponseOf,
} from '#contracts';
import type { ClusterNode } from '#node';
import type { Tracing } from '#telemetry';
import type { ServerCertificate } from '#tls';
import type { GatewayCluster } from './cluster.port.js';

/** The cluster as this gateway's own node sees it. */
export class NodeCluster implements GatewayCluster {
  constructor(private readonly node: ClusterNode) {}

  get nodeId(): NodeId {
    return this.node.nodeId;
  }
  get clusterId(): string {
    return this.node.clusterId;
  }
  get region(): string {
    return this.node.region;
  }
  get tracing(): Tracing | undefined {
    return this.node.tracing;
  }

  call<M extends BusMethod>(
    method: M,
    request: RequestOf<M>,
    options?: { to?: NodeId; timeoutMs?: number; signal?: AbortSignal },
  ): Promise<ResponseOf<M>> {
    return this.node.bus.call(method, request, options);
  }

  answer<M extends BusMethod>(method: M, handler: MethodHandler<M>): void {
    this.node.bus.handle(method, handler);
  }

  broadcast<B extends BusBroadcast>(broadcast: B, payload: PayloadInputOf<B>): Promise<void> {
    return this.node.bus.broadcast(broadcast, payload);
  }

  on<B extends BusBroadcast>(broadcast: B, handler: (payload: PayloadOf<B>, from: NodeId) => void): () => void {
    return this.node.bus.on(broadcast, handler);
  }

  nodes(): readonly NodeEntry[] {
    return this.node.directory.all();
  }
  find(service: BusMethod['service']): readonly NodeEntry[] {
    return this.node.directory.find(service);
  }
  pick(service: BusMethod['service'], filter: (entry: NodeEntry) => boolean): NodeEntry | undefined {
    return this.node.directory.pick(service, filter);
  }
  begin(nodeId: NodeId): void {
    this.node.directory.begin(nodeId);
  }
  report(nodeId: NodeId, outcome: { ok: boolean; latencyMs: number }): void {
    this.node.directory.report(nodeId, outcome);
  }

  tokenKeys(): readonly PublicJwk[] {
    return this.node.directory.find('gateway').flatMap(({ nodeId }) => this.node.directory.keysFor(nodeId, 'token'));
  }

  connected(): boolean {
    return this.node.bus.status === 'connected';
  }

  operatorId(): string {
    const own = this.node.directory.get(this.node.nodeId);
    if (!own) throw new Error('the operator of this node is known only after the join');
    return own.manifest.operatorId;
  }

  join(url: string, certificate?: ServerCertificate): Promise<void> {
    return this.node.join({ url, certificate });
  }
  startDraining(): void {
    this.node.startDraining();
  }
  leave(): Promise<void> {
    return this.node.leave('asleep');
  }
  close(): Promise<void> {
    return this.node.close();
  }
}
