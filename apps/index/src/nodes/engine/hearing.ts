import type { NodeId, NodeLoad, ServedModel } from '#contracts';
import type { HeardAges } from './index.ports.js';

export interface Heard {
  /** On the engine's monotonic clock. */
  readonly at: number;
  readonly load: NodeLoad | undefined;
  readonly models: readonly ServedModel[];
}

/** When this instance last had word of each node, from the node itself or from another instance, and what it said. */
export class Hearing {
  private readonly last = new Map<NodeId, Heard>();
  private fresh = new Set<NodeId>();

  constructor(private readonly now: () => number) {}

  heard(nodeId: NodeId, load?: NodeLoad, models?: readonly ServedModel[]): void {
    const before = this.last.get(nodeId);
    this.last.set(nodeId, { at: this.now(), load: load ?? before?.load, models: models ?? before?.models ?? [] });
    this.fresh.add(nodeId);
  }

  get size(): number {
    return this.last.size;
  }

  of(nodeId: NodeId): Heard | undefined {
    return this.last.get(nodeId);
  }

  /** How long a node has been silent; infinite where this instance never had word of it. */
  silenceMs(nodeId: NodeId): number {
    const heard = this.last.get(nodeId);
    return heard ? this.now() - heard.at : Number.POSITIVE_INFINITY;
  }

  /** Whom this instance itself heard since it last asked here, and how long ago. */
  takeFresh(): HeardAges {
    const now = this.now();
    const ages = new Map<NodeId, number>();
    for (const nodeId of this.fresh) {
      const heard = this.last.get(nodeId);
      if (heard) ages.set(nodeId, now - heard.at);
    }
    this.fresh = new Set();
    return ages;
  }

  /** Word from other instances: only ever makes a node better known, never more silent. */
  learn(ages: HeardAges): void {
    const now = this.now();
    for (const [nodeId, ageMs] of ages) {
      const at = now - ageMs;
      const before = this.last.get(nodeId);
      if (!before || before.at < at) this.last.set(nodeId, { at, load: before?.load, models: before?.models ?? [] });
    }
  }

  /** Forgets who is not among `known` and has been silent for `silentMs`: one heard lately may be joining now. */
  keepOnly(known: ReadonlySet<NodeId>, silentMs: number): void {
    for (const nodeId of this.last.keys()) {
      if (!known.has(nodeId) && this.silenceMs(nodeId) >= silentMs) this.forget(nodeId);
    }
  }

  forget(nodeId: NodeId): void {
    this.last.delete(nodeId);
    this.fresh.delete(nodeId);
  }
}
