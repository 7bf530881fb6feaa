import type { ModelVersion, Placement } from '#contracts';
import type { WireError } from '#errors';
import type { PlacementState, Wanted } from './placement.states.js';

/** A placement's row. Ages are measured by the database's clock, the only one that judges what is durable. */
export interface PlacementRow extends Omit<Placement, 'failure' | 'updatedAt'> {
  readonly failure?: WireError;
  readonly failures: number;
  readonly updatedAt: Date;
  /** Since the last transition, in milliseconds. */
  readonly ageMs: number;
  /** A failed one: whether its time to be tried again has come. */
  readonly retryDue: boolean;
}

export interface Move {
  readonly placementId: string;
  /** Of the row as the mover read it; another one there means that the mover is late. */
  readonly epoch: number;
  readonly to: PlacementState;
  /** Kept in the snapshot: why, in a few words. */
  readonly reason: string;
  /** Given when the wish itself changes or is asserted anew: the epoch rises by one. */
  readonly wanted?: Wanted;
  readonly failure?: WireError;
  /** Only with `failure`: when it is tried again; never when absent. */
  readonly retryInMs?: number;
}

export interface Wish {
  readonly model: string;
  readonly version: string;
}

export interface PlacementRepository {
  find(placementId: string): Promise<PlacementRow | undefined>;
  /** Every placement of the model, of one version when it is named. */
  ofModel(model: string, version?: string, nodeId?: string): Promise<PlacementRow[]>;
  all(): Promise<PlacementRow[]>;
  /** Whether one of these versions is wished for on this node. */
  isPlaced(nodeId: string, versions: readonly Wish[]): Promise<boolean>;
  page(options: { model?: string; after?: string; limit: number }): Promise<PlacementRow[]>;
  /** The row for this runner and version, made as `wanted` when there is none. */
  ensure(nodeId: string, wish: Wish): Promise<{ row: PlacementRow; created: boolean }>;
  /**
   * Moves the row if its epoch is still the one given and its state allows it; appends the snapshot either way (the
   * refused ones as refused). Answers the moved row, undefined when refused.
   */
  move(move: Move): Promise<PlacementRow | undefined>;
  wishes(): Promise<Wish[]>;
  addWish(wish: Wish): Promise<void>;
  removeWishes(model: string, version?: string): Promise<void>;
}

/** What the orchestrator sees of a runner through the index. */
export interface RunnerView {
  readonly nodeId: string;
  readonly region: string;
  /** Heard of lately and taking work. */
  readonly reachable: boolean;
  /** Absent until its first heartbeat. */
  readonly freeModelMemoryBytes?: number;
  readonly models: readonly { readonly name: string; readonly version: string; readonly ready: boolean }[];
}

export interface RunnerDirectory {
  all(): readonly RunnerView[];
  get(nodeId: string): RunnerView | undefined;
}

export interface RunnerPort {
  load(
    nodeId: string,
    request: { placementId: string; epoch: number; model: ModelVersion },
  ): Promise<{ state: 'loading' | 'ready' | 'failed'; failure?: WireError }>;
  unload(
    nodeId: string,
    request: { placementId: string; epoch: number; name: string; version: string },
  ): Promise<{ state: 'unloading' | 'unloaded' }>;
}

export interface RegistryPort {
  /** One version, the newest approved one when none is named. Throws `model_unknown`. */
  model(name: string, version?: string): Promise<ModelVersion>;
}

export interface AdvanceQueue {
  /** Asks that somebody look at this placement. May be lost: the reconciler asks again. */
  enqueue(placementId: string, epoch: number): Promise<void>;
}
