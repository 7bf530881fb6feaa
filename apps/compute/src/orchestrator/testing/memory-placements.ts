import type { Move, PlacementRepository, PlacementRow, Wish } from '../placement/engine/placement.ports.js';
import { canMove } from '../placement/engine/placement.states.js';

/** Placements in memory, for tests of what stands above them: the same rules, a clock of the test's own. */
export class MemoryPlacements implements PlacementRepository {
  readonly rows = new Map<string, PlacementRow & { movedAtMs: number; retryAtMs: number }>();
  readonly told: string[] = [];
  private standing: Wish[] = [];

  constructor(private readonly clock: { ms: number }) {}

  private view(row: PlacementRow & { movedAtMs: number; retryAtMs: number }): PlacementRow {
    return { ...row, ageMs: this.clock.ms - row.movedAtMs, retryDue: row.retryAtMs <= this.clock.ms };
  }

  async find(placementId: string) {
    const row = this.rows.get(placementId);
    return row && this.view(row);
  }
  async all() {
    return [...this.rows.values()].map((row) => this.view(row));
  }
  async ofModel(model: string, version?: string, nodeId?: string) {
    return (await this.all()).filter(
      (row) => row.model === model && row.version === (version ?? row.version) && row.nodeId === (nodeId ?? row.nodeId),
    );
  }
  async isPlaced(nodeId: string, versions: readonly Wish[]) {
    return (await this.all()).some(
      (row) =>
        row.nodeId === nodeId &&
        row.wanted === 'loaded' &&
        versions.some(({ model, version }) => model === row.model && version === row.version),
    );
  }
  async page() {
    return this.all();
  }

  async ensure(nodeId: string, wish: Wish) {
    const [row] = await this.ofModel(wish.model, wish.version, nodeId);
    if (row) return { row, created: false };
    const made = {
      placementId: `p${this.rows.size + 1}`,
      nodeId,
      ...wish,
      wanted: 'loaded' as const,
      state: 'wanted' as const,
      epoch: 1,
      failures: 0,
      updatedAt: new Date(0),
      ageMs: 0,
      retryDue: false,
      movedAtMs: this.clock.ms,
      retryAtMs: Number.POSITIVE_INFINITY,
    };
    this.rows.set(made.placementId, made);
    return { row: this.view(made), created: true };
  }

  async move(move: Move) {
    const row = this.rows.get(move.placementId);
    if (!row || row.epoch !== move.epoch || !canMove(row.state, move.to)) {
      this.told.push(`refused ${move.to}`);
      return undefined;
    }
    this.told.push(`${row.state}>${move.to} ${move.reason}`);
    const { failure: _, ...kept } = row;
    const next = {
      ...kept,
      state: move.to,
      wanted: move.wanted ?? row.wanted,
      epoch: row.epoch + (move.wanted ? 1 : 0),
      failures: move.to === 'failed' ? row.failures + 1 : move.to === 'ready' ? 0 : row.failures,
      ...(move.failure ? { failure: move.failure } : {}),
      movedAtMs: this.clock.ms,
      retryAtMs: move.retryInMs === undefined ? Number.POSITIVE_INFINITY : this.clock.ms + move.retryInMs,
    };
    this.rows.set(move.placementId, next);
    return this.view(next);
  }

  async wishes() {
    return this.standing;
  }
  async addWish(wish: Wish) {
    if (!this.standing.some((one) => one.model === wish.model && one.version === wish.version))
      this.standing.push(wish);
  }
  async removeWishes(model: string, version?: string) {
    this.standing = this.standing.filter((one) => one.model !== model || (version && one.version !== version));
  }
}
