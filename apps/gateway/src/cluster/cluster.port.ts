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
import type { Tracing } from '#telemetry';
import type { ServerCertificate } from '#tls';

export const GATEWAY_CLUSTER = Symbol('GATEWAY_CLUSTER');

/** All that the gateway needs of the cluster around it. Filled by `ClusterNode`; by fakes in tests. */
export interface GatewayCluster {
  readonly nodeId: NodeId;
  readonly clusterId: string;
  readonly region: string;
  /** Absent where nothing is traced. */
  readonly tracing?: Tracing;
  call<M extends BusMethod>(
    method: M,
    request: RequestOf<M>,
    options?: { to?: NodeId; timeoutMs?: number; signal?: AbortSignal },
  ): Promise<ResponseOf<M>>;
  /** Answers a method; before the join. */
  answer<M extends BusMethod>(method: M, handler: MethodHandler<M>): void;
  broadcast<B extends BusBroadcast>(broadcast: B, payload: PayloadInputOf<B>): Promise<void>;
  on<B extends BusBroadcast>(broadcast: B, handler: (payload: PayloadOf<B>, from: NodeId) => void): () => void;
  /** Every node known, healthy or not. */
  nodes(): readonly NodeEntry[];
  /** Nodes of this service that are worth calling. */
  find(service: BusMethod['service']): readonly NodeEntry[];
  pick(service: BusMethod['service'], filter: (entry: NodeEntry) => boolean): NodeEntry | undefined;
  begin(nodeId: NodeId): void;
  report(nodeId: NodeId, outcome: { ok: boolean; latencyMs: number }): void;
  /** Keys that any gateway of this cluster signs tokens with. */
  tokenKeys(): readonly PublicJwk[];
  connected(): boolean;
  /** The thumbprint of the operator who runs this gateway. */
  operatorId(): string;
  /** Announces this gateway at `url`, where it shows this certificate if it speaks TLS itself. */
  join(url: string, certificate?: ServerCertificate): Promise<void>;
  startDraining(): void;
  /** Tells the index that this gateway goes by plan, so that nobody counts on it any more. */
  leave(): Promise<void>;
  close(): Promise<void>;
}
