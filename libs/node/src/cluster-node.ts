import type { Registry } from 'prom-client';
import type { Bus, BusLogger } from '#bus';
import type {
  KeyPurpose,
  NodeId,
  NodeLoad,
  NodeManifest,
  NodeType,
  PublicJwk,
  ServedModel,
  ServiceName,
} from '#contracts';
import type { WatchedDirectory } from './watched-directory.js';

/** Token under which Nest apps provide their `ClusterNode`. */
export const CLUSTER_NODE = Symbol('CLUSTER_NODE');

export interface ClusterNodeOptions {
  /** WATERSHED_* variables are read from here: cluster, region, data folder, Redis, operator's key, node's name. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly services: readonly [ServiceName, ...ServiceName[]];
  readonly types: readonly [NodeType, ...NodeType[]];
  /** Where this node takes content over HTTP; may also be given to `join`, when the port is known. */
  readonly url?: string;
  readonly capabilities?: NodeManifest['capabilities'];
  /** Keys that this node signs with for a purpose of its own. */
  readonly purposeKeys?: readonly { readonly purpose: KeyPurpose; readonly key: PublicJwk }[];
  /** `inFlight` and `capacity` in the service's own unit; the event loop's delay is measured here. */
  readonly load?: () => Partial<NodeLoad>;
  readonly models?: () => readonly ServedModel[];
  readonly logger: BusLogger;
  readonly metrics: { readonly registry: Registry };
  /** How long `join` keeps trying while the index is not there; 60 s when absent. */
  readonly joinTimeoutMs?: number;
}

/** This process's membership in the cluster for one app: its key, its bus, its watch of the index, its heartbeat. */
export declare class ClusterNode {
  readonly nodeId: NodeId;
  readonly clusterId: string;
  readonly region: string;
  readonly bus: Bus;
  readonly directory: WatchedDirectory;
  /** Loads the key and connects the bus, and announces nothing: handlers can be registered and ports opened first. */
  static prepare(options: ClusterNodeOptions): Promise<ClusterNode>;
  /** `prepare` and `join` in one, for nodes that answer nobody. */
  static join(options: ClusterNodeOptions): Promise<ClusterNode>;
  /** Joins the index, and keeps joined: heartbeats, joins anew when the index forgot this node. */
  join(announce?: { readonly url?: string }): Promise<void>;
  /** From now on the heartbeat says that this node takes no new work. */
  startDraining(): void;
  /** Tells the index that this node goes by plan; `asleep` nodes are expected back. */
  leave(health: 'left' | 'asleep'): Promise<void>;
  /** Leaves (`left`) unless it has left already, and closes the bus. */
  close(): Promise<void>;
}
