import type { NodeEntry, NodeId, ServiceName } from '#contracts';

/** What the bus must know of the other nodes: who serves what, and which services a caller runs. */
export interface NodeDirectory {
  /** Nodes of this service that are worth calling now, in no order. */
  find(service: ServiceName): readonly NodeEntry[];
  get(nodeId: NodeId): NodeEntry | undefined;
}

/** How a call to one node ended; only nodes that failed as nodes (not refusals they answered) count against them. */
export interface CallOutcome {
  readonly ok: boolean;
  /** Absent where the call ended for a reason that says nothing of the node. */
  readonly latencyMs?: number;
}

/** A directory that also chooses among nodes and learns from every call. */
export interface NodeRouter extends NodeDirectory {
  /** One node of the service that `filter` lets through; undefined when there is none. */
  pick(service: ServiceName, filter?: (entry: NodeEntry) => boolean): NodeEntry | undefined;
  /** A call to this node has gone out. Every `begin` is followed by one `report`. */
  begin(nodeId: NodeId): void;
  report(nodeId: NodeId, outcome: CallOutcome): void;
  /** Asks the index about a node that is not known here yet; answers undefined when the index does not know it either. */
  resolve(nodeId: NodeId): Promise<NodeEntry | undefined>;
}

export function isNodeRouter(directory: NodeDirectory): directory is NodeRouter {
  return 'pick' in directory && 'begin' in directory && 'report' in directory && 'resolve' in directory;
}

/** Gives a plain directory the router's methods: a random choice, nothing learned. */
export function routerOver(directory: NodeDirectory): NodeRouter {
  if (isNodeRouter(directory)) return directory;
  return {
    find: (service) => directory.find(service),
    get: (nodeId) => directory.get(nodeId),
    pick: (service, filter) => {
      const found = directory.find(service).filter((entry) => !filter || filter(entry));
      return found[Math.floor(Math.random() * found.length)];
    },
    begin: () => undefined,
    report: () => undefined,
    resolve: async (nodeId) => directory.get(nodeId),
  };
}
