import type { CallOutcome, NodeRouter } from '#bus';
import type {
  KeyPurpose,
  NodeEntry,
  NodeId,
  NodeLoad,
  PublicJwk,
  Revision,
  ServedModel,
  ServiceName,
} from '#contracts';
import { WatershedError } from '#errors';
import { NodePicker } from './node-picker.js';

/** What a node says of itself in a heartbeat; `n` counts them, from 1 in every process. */
export interface Beat {
  readonly n: number;
  readonly load: NodeLoad;
  readonly models: readonly ServedModel[];
}

interface Heard {
  readonly n: number;
  /** It began to count anew, and the index has not said yet that this is another process. */
  readonly restarted: boolean;
}

export interface DirectoryChange {
  readonly nodeId: NodeId;
  /** Undefined when the index no longer knows it. */
  readonly entry: NodeEntry | undefined;
}

/** What the index answered to a watcher. */
export interface IndexChanges {
  readonly revision: Revision;
  readonly snapshot: boolean;
  readonly nodes: readonly NodeEntry[];
}

/**
 * The cluster's nodes as this node knows them: its watch of the index, with the load that their heartbeats have told
 * since. What it holds while the index is away is what was last known; the circuit breaker then keeps calls from nodes
 * that have gone.
 */
export class WatchedDirectory implements NodeRouter {
  private readonly entries = new Map<NodeId, NodeEntry>();
  private readonly byService = new Map<ServiceName, readonly NodeEntry[]>();
  private readonly heard = new Map<NodeId, Heard>();
  private readonly listeners = new Set<(change: DirectoryChange) => void>();
  private readonly picker: NodePicker;
  private current: Revision | undefined;
  private refresh: () => Promise<void> = async () => undefined;

  constructor(picker = new NodePicker()) {
    this.picker = picker;
  }

  /** Where the watch stands; undefined before the first answer of an index. */
  get revision(): Revision | undefined {
    return this.current;
  }

  /** Nodes of this service that take work: alive ones; only if there are none, suspects. */
  find(service: ServiceName): readonly NodeEntry[] {
    const known = this.byService.get(service);
    if (known) return known;
    const all = [...this.entries.values()].filter(
      (entry) => entry.manifest.services.includes(service) && entry.membership === 'admitted',
    );
    const alive = all.filter((entry) => entry.health === 'alive' && !entry.load?.draining);
    const found = alive.length > 0 ? alive : all.filter((entry) => entry.health === 'suspect');
    this.byService.set(service, found);
    return found;
  }

  get(nodeId: NodeId): NodeEntry | undefined {
    return this.entries.get(nodeId);
  }

  /** Every node known, healthy or not. */
  all(): readonly NodeEntry[] {
    return [...this.entries.values()];
  }

  /** Power of two choices over measured latency and work in flight; nodes whose circuit is open are left out. */
  pick(service: ServiceName, filter?: (entry: NodeEntry) => boolean): NodeEntry | undefined {
    const found = this.find(service);
    return this.picker.pick(filter ? found.filter(filter) : found);
  }

  begin(nodeId: NodeId): void {
    this.picker.begin(nodeId);
  }

  report(nodeId: NodeId, outcome: CallOutcome): void {
    this.picker.report(nodeId, outcome);
  }

  async resolve(nodeId: NodeId): Promise<NodeEntry | undefined> {
    const known = this.entries.get(nodeId);
    if (known) return known;
    await this.refresh();
    return this.entries.get(nodeId);
  }

  /** Keys of this purpose that the node declared in its manifest: what `GrantVerifier` asks for. None of expelled nodes. */
  keysFor(nodeId: NodeId, purpose: KeyPurpose): PublicJwk[] {
    const entry = this.entries.get(nodeId);
    if (!entry || entry.health === 'expelled') return [];
    return entry.manifest.purposeKeys.filter((key) => key.purpose === purpose).map(({ key }) => key);
  }

  /** Calls `listener` after every change of a node, load excepted; returns how to stop. */
  onChange(listener: (change: DirectoryChange) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Resolves when the service has a node that can be called; `no_node_available` after `timeoutMs`. */
  async waitFor(service: ServiceName, timeoutMs: number): Promise<NodeEntry> {
    const now = this.find(service)[0];
    if (now) return now;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        stop();
        reject(
          new WatershedError('no_node_available', `No node of the service ${service} came within ${timeoutMs} ms.`, {
            details: { service },
          }),
        );
      }, timeoutMs);
      const stop = this.onChange(() => {
        const found = this.find(service)[0];
        if (!found) return;
        clearTimeout(timer);
        stop();
        resolve(found);
      });
    });
  }

  /** What an index answered: a snapshot replaces everything, changes replace what they name. */
  apply({ revision, snapshot, nodes }: IndexChanges): void {
    const sameEpoch = this.current?.epoch === revision.epoch;
    if (!snapshot && (!sameEpoch || (this.current && revision.n < this.current.n))) return;
    const changes: DirectoryChange[] = [];
    if (snapshot) {
      const named = new Set(nodes.map((entry) => entry.nodeId));
      for (const nodeId of [...this.entries.keys()]) {
        if (named.has(nodeId)) continue;
        this.entries.delete(nodeId);
        this.heard.delete(nodeId);
        this.picker.forget(nodeId);
        changes.push({ nodeId, entry: undefined });
      }
    }
    for (const told of nodes) {
      const before = this.entries.get(told.nodeId);
      if (before && cameBack(before, told)) this.picker.forget(told.nodeId);
      const entry = before ? this.withOwnHearing(before, told) : told;
      this.entries.set(entry.nodeId, entry);
      changes.push({ nodeId: entry.nodeId, entry });
    }
    this.current = revision;
    this.byService.clear();
    for (const change of changes) for (const listener of this.listeners) listener(change);
  }

  /** Fresh load and models, as the node itself broadcast them; its health stays the index's to say. */
  hear(nodeId: NodeId, { n, load, models }: Beat): void {
    const entry = this.entries.get(nodeId);
    if (!entry) return;
    const last = this.heard.get(nodeId);
    const restarted = last !== undefined && n <= last.n;
    if (restarted) this.picker.forget(nodeId);
    this.heard.set(nodeId, { n, restarted: restarted || last?.restarted === true });
    this.entries.set(nodeId, { ...entry, load, models: [...models], lastSeenAt: new Date().toISOString() });
    this.byService.clear();
  }

  /**
   * Heartbeats come here by the same way as to the index, so what one said is not undone by an index that has not heard
   * it yet, or that has just started and has heard nobody. What an earlier process said is.
   */
  private withOwnHearing(before: NodeEntry, told: NodeEntry): NodeEntry {
    const heard = this.heard.get(told.nodeId);
    if (!heard) return told;
    const sameProcess = before.manifest.issuedAt === told.manifest.issuedAt;
    if (!sameProcess && !heard.restarted) {
      this.heard.delete(told.nodeId);
      return told;
    }
    if (!sameProcess) this.heard.set(told.nodeId, { n: heard.n, restarted: false });
    const { load, models, lastSeenAt } = before;
    return { ...told, ...(load ? { load } : {}), models, lastSeenAt };
  }

  /** How to ask the index anew, for `resolve`. */
  refreshWith(refresh: () => Promise<void>): void {
    this.refresh = refresh;
  }
}

/** Also when it was away so shortly that nobody missed it: a process that was started again signs its manifest anew. */
const cameBack = (before: NodeEntry, now: NodeEntry): boolean =>
  now.health === 'alive' && (before.health !== 'alive' || before.manifest.issuedAt !== now.manifest.issuedAt);
