import type { ModelVersion } from '#contracts';
import { isWatershedError, WatershedError, type WireError } from '#errors';
import { chooseRunners } from './choose-runners.system.js';
import type {
  AdvanceQueue,
  PlacementRepository,
  PlacementRow,
  RegistryPort,
  RunnerDirectory,
  RunnerPort,
} from './placement.ports.js';
import { type ReconcileLimits, reconcile } from './reconcile.system.js';
import { retryAfterFailure } from './retry.system.js';

export interface PlacementEngineOptions {
  readonly placements: PlacementRepository;
  readonly runners: RunnerDirectory;
  readonly runner: RunnerPort;
  readonly registry: RegistryPort;
  readonly queue: AdvanceQueue;
  /** Whether a rule on regions covers a region. */
  readonly covers: (rule: string, region: string) => boolean;
  readonly limits: ReconcileLimits;
  /** One advance asks its runner for so long before it gives its turn back to the queue. */
  readonly advanceMs: number;
  readonly pauseMs: number;
  /** Announcements of withdrawals can be lost, so the registry is asked this often whether what is loaded is approved. */
  readonly reviewEveryMs: number;
  readonly wait: (ms: number) => Promise<void>;
  readonly now: () => number;
}

export interface PlacementWish {
  readonly model: string;
  readonly version?: string;
  readonly nodeId?: string;
}

const memoryExhausted = (model: ModelVersion) =>
  new WatershedError(
    'memory_exhausted',
    `No runner has the ${model.manifest.memoryBytes} bytes that this model needs. Unload another model or add a runner.`,
    { details: { model: model.name, memoryBytes: model.manifest.memoryBytes } },
  );

/** Places models on runners: wishes become rows, rows become calls, and every step is a compare-and-set on the row. */
export class PlacementEngine {
  private reviewedAt = Number.NEGATIVE_INFINITY;
  private reachable: ReadonlySet<string> = new Set();
  private readonly advancing = new Map<string, { again: boolean }>();

  constructor(private readonly options: PlacementEngineOptions) {}

  /**
   * Wishes a model loaded on one runner, or on every runner that has room, those that join later included. Repeated it
   * answers the same placements; one that failed or was unloaded is tried anew.
   */
  async place(wish: PlacementWish): Promise<PlacementRow[]> {
    const { placements, runners, registry, covers } = this.options;
    const model = await registry.model(wish.model, wish.version);
    this.requireApproved(model);
    const version = { model: model.name, version: model.version };
    if (wish.nodeId !== undefined) {
      const runner = runners.get(wish.nodeId);
      if (!runner) throw new WatershedError('node_unknown', 'No runner with this id has joined the cluster.');
      const { refused } = chooseRunners(model.manifest, [runner], covers);
      const reason = refused[0]?.reason;
      if (reason === 'memory') throw memoryExhausted(model);
      if (reason === 'region')
        throw new WatershedError('policy_forbids', "The model's manifest does not allow this runner's region.", {
          details: { model: model.name, region: runner.region },
        });
      // An unreachable runner may be wished: it gets the model when it is back.
      return [await this.wanted(runner.nodeId, version)];
    }
    const all = runners.all();
    const { chosen, refused } = chooseRunners(model.manifest, all, covers);
    const kept = await placements.ofModel(model.name, model.version);
    const standing = kept.filter((row) => row.wanted === 'loaded' && !chosen.some((one) => one.nodeId === row.nodeId));
    if (chosen.length === 0 && standing.length === 0 && refused.some((one) => one.reason === 'memory'))
      throw memoryExhausted(model);
    await placements.addWish(version);
    const placed: PlacementRow[] = [];
    for (const runner of chosen) placed.push(await this.wanted(runner.nodeId, version));
    return [...placed, ...standing];
  }

  /** Takes a wish back; on every runner when none is named. */
  async displace(wish: PlacementWish, reason = 'displaced'): Promise<PlacementRow[]> {
    const { placements, queue } = this.options;
    if (wish.nodeId === undefined) await placements.removeWishes(wish.model, wish.version);
    const moved: PlacementRow[] = [];
    for (const row of await placements.ofModel(wish.model, wish.version, wish.nodeId)) {
      if (row.wanted === 'unloaded') {
        moved.push(row);
        continue;
      }
      const next = await placements.move({ ...refOf(row), to: 'unloading', wanted: 'unloaded', reason });
      if (!next) continue;
      moved.push(next);
      await queue.enqueue(next.placementId, next.epoch);
    }
    return moved;
  }

  /**
   * Brings one placement as far as it goes now. Safe to run twice, at once, late or for a row that needs nothing.
   * Answers `again` when the runner is still at it; throws when the runner or the registry cannot be asked.
   */
  async advance(placementId: string): Promise<'done' | 'again'> {
    const running = this.advancing.get(placementId);
    if (running) {
      // Whoever is at it looks once more before it stops, so nothing that changed meanwhile is missed.
      running.again = true;
      return 'done';
    }
    const run = { again: false };
    this.advancing.set(placementId, run);
    try {
      for (;;) {
        run.again = false;
        const outcome = await this.bring(placementId);
        if (!run.again) return outcome;
      }
    } finally {
      this.advancing.delete(placementId);
    }
  }

  private async bring(placementId: string): Promise<'done' | 'again'> {
    const { placements, runners, now, wait, advanceMs, pauseMs } = this.options;
    const until = now() + advanceMs;
    for (;;) {
      const row = await placements.find(placementId);
      if (!row) return 'done';
      const reachable = runners.get(row.nodeId)?.reachable ?? false;
      // The reconciler takes it up when the runner is back; retrying here would only warm the queue.
      if (!reachable) return 'done';
      let settled = true;
      if (row.state === 'wanted') settled = await this.begin(row);
      else if (row.state === 'loading') settled = await this.load(row);
      else if (row.state === 'unloading') settled = await this.unload(row);
      if (settled) return 'done';
      if (now() >= until) return 'again';
      await wait(pauseMs);
    }
  }

  /** Looks at everything once and asks for what is missing. Answers how much that was. */
  async reconcile(): Promise<number> {
    const { placements, runners, queue, registry, covers, limits } = this.options;
    const [rows, wishes] = await Promise.all([placements.all(), placements.wishes()]);
    const all = runners.all();
    const reachable = new Set(all.filter((runner) => runner.reachable).map((runner) => runner.nodeId));
    const returned = new Set([...reachable].filter((nodeId) => !this.reachable.has(nodeId)));
    this.reachable = reachable;
    const actions = reconcile({ rows, wishes, runners: all, returned }, limits);
    for (const action of actions) {
      if (action.kind === 'advance') {
        await queue.enqueue(action.row.placementId, action.row.epoch);
      } else if (action.kind === 'assert') {
        await this.assert(action.row, action.reason);
      } else if (action.kind === 'forget') {
        await placements.move({ ...refOf(action.row), to: 'unloaded', reason: action.reason });
      } else {
        const runner = runners.get(action.nodeId);
        const model = await registry.model(action.wish.model, action.wish.version);
        if (model.review !== 'approved' || !runner) continue;
        const { chosen } = chooseRunners(model.manifest, [runner], covers);
        if (chosen.length > 0) await this.wanted(runner.nodeId, action.wish);
      }
    }
    await this.review(rows);
    return actions.length;
  }

  private async review(rows: readonly PlacementRow[]): Promise<void> {
    const { registry, now, reviewEveryMs } = this.options;
    if (now() - this.reviewedAt < reviewEveryMs) return;
    this.reviewedAt = now();
    const loaded = rows.filter((row) => row.wanted === 'loaded');
    for (const key of new Set(loaded.map((row) => `${row.model}@${row.version}`))) {
      const [name = '', version = ''] = key.split('@');
      const { review } = await registry.model(name, version);
      if (review !== 'approved') await this.withdraw(name, version);
    }
  }

  /** A version may no longer be served: taken back everywhere. */
  async withdraw(model: string, version: string): Promise<PlacementRow[]> {
    return this.displace({ model, version }, 'withdrawn');
  }

  private requireApproved(model: ModelVersion): void {
    if (model.review === 'approved') return;
    throw new WatershedError('conflict', `This version's review says ${model.review}; only approved ones are served.`, {
      details: { model: model.name, version: model.version, review: model.review },
    });
  }

  private async wanted(nodeId: string, version: { model: string; version: string }): Promise<PlacementRow> {
    const { placements, queue } = this.options;
    const { row, created } = await placements.ensure(nodeId, version);
    if (created) {
      await queue.enqueue(row.placementId, row.epoch);
      return row;
    }
    if (row.wanted === 'loaded' && row.state !== 'failed') return row;
    return this.assert(row, 'wished');
  }

  private async assert(row: PlacementRow, reason: string): Promise<PlacementRow> {
    const { placements, queue, runners } = this.options;
    const next = await placements.move({ ...refOf(row), to: 'wanted', wanted: 'loaded', reason });
    if (next && runners.get(row.nodeId)?.reachable) await queue.enqueue(next.placementId, next.epoch);
    // Somebody else was faster: what they made of it is the answer.
    return next ?? (await placements.find(row.placementId)) ?? row;
  }

  private async begin(row: PlacementRow): Promise<boolean> {
    const moved = await this.options.placements.move({ ...refOf(row), to: 'loading', reason: 'begun' });
    return moved === undefined;
  }

  private async load(row: PlacementRow): Promise<boolean> {
    const { placements, runner, registry } = this.options;
    let answer: Awaited<ReturnType<typeof runner.load>>;
    try {
      const model = await registry.model(row.model, row.version);
      this.requireApproved(model);
      answer = await runner.load(row.nodeId, { placementId: row.placementId, epoch: row.epoch, model });
    } catch (error) {
      if (!isRefusal(error)) throw error;
      answer = { state: 'failed', failure: error.toWire() };
    }
    if (answer.state === 'loading') return false;
    if (answer.state === 'ready') {
      await placements.move({ ...refOf(row), to: 'ready', reason: 'loaded' });
      return true;
    }
    const failure: WireError = answer.failure ?? { code: 'internal', message: 'The runner could not load the model.' };
    const retryInMs = retryAfterFailure(failure, row.failures);
    await placements.move({ ...refOf(row), to: 'failed', reason: failure.code, failure, retryInMs });
    return true;
  }

  private async unload(row: PlacementRow): Promise<boolean> {
    const { placements, runner } = this.options;
    const { state } = await runner.unload(row.nodeId, {
      placementId: row.placementId,
      epoch: row.epoch,
      name: row.model,
      version: row.version,
    });
    if (state === 'unloading') return false;
    await placements.move({ ...refOf(row), to: 'unloaded', reason: 'unloaded' });
    return true;
  }
}

const refOf = (row: PlacementRow) => ({ placementId: row.placementId, epoch: row.epoch });

const passing = ['node_unreachable', 'no_node_available', 'deadline_exceeded', 'bus_unavailable', 'overloaded'];
/** A refusal that was answered, not a call that failed on its way: the queue retries only the latter. */
const isRefusal = (error: unknown): error is WatershedError =>
  isWatershedError(error) && ![...passing, 'database_unavailable', 'shutting_down', 'internal'].includes(error.code);
