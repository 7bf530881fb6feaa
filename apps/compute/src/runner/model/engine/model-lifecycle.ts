import type { ModelVersion, ServedModel } from '#contracts';
import { isWatershedError, toWireError, WatershedError } from '#errors';
import { Clearing, memoryNotFreed } from './clear.system.js';
import { compareMetadata } from './compare-metadata.js';
import { CrashPolicy, type CrashVerdict } from './crash-policy.js';
import { Lanes } from './lanes.js';
import type { MemoryBudget } from './memory-budget.js';
import type { BlobPort, HostedVersion, LifecycleLogger, ModelHost, ModelTrust } from './model.ports.js';
import {
  answerOf,
  entryKey,
  holdsMemory,
  isUnderWay,
  type LoadAnswer,
  type ModelEntry,
  rank,
  trackedEntry,
} from './model-entry.js';
import { Tenants } from './tenants.js';

export interface ModelLifecycleOptions {
  readonly host: ModelHost;
  readonly blobs: BlobPort;
  readonly trust: ModelTrust;
  readonly budget: MemoryBudget;
  readonly servedName: (model: string) => string;
  /** Whether a model whose manifest names these regions may run here. */
  readonly mayRunHere: (regions: readonly string[]) => boolean;
  /** How long requests under way may go on at a model that is unloaded; past that its process is ended. */
  readonly drainLimitMs: number;
  /** How long a load waits for its end before it answers `loading`. */
  readonly answerWithinMs: number;
  /** What `served` says may be another now. */
  readonly changed?: () => void;
  readonly now: () => number;
  readonly logger: LifecycleLogger;
}

export interface LoadOrder {
  readonly placementId: string;
  readonly epoch: number;
  readonly model: ModelVersion;
}

export type InferenceEnd = 'succeeded' | 'failed' | 'crashed';

/** Loads, unloads and revives the models of one runner. Orders of one model are done one after the other. */
export class ModelLifecycle {
  private readonly entries = new Map<string, ModelEntry>();
  private readonly lanes = new Lanes();
  private readonly clearing: Clearing;
  private closed = false;

  constructor(private readonly options: ModelLifecycleOptions) {
    this.clearing = new Clearing(options);
  }

  /** The version that answers for this name now: the one named, or the newest that is ready. */
  find(name: string, version?: string): ModelEntry | undefined {
    if (version !== undefined) return this.entries.get(entryKey(name, version));
    let best: ModelEntry | undefined;
    for (const entry of this.entries.values()) {
      if (entry.model.name !== name) continue;
      if (!best || rank(entry, best) > 0) best = entry;
    }
    return best;
  }

  all(): Iterable<ModelEntry> {
    return this.entries.values();
  }

  /** For the heartbeat: what is served, and what will be again in a moment. */
  served(): ServedModel[] {
    const served: ServedModel[] = [];
    for (const { model, state } of this.entries.values()) {
      if (!holdsMemory(state)) continue;
      served.push({ name: model.name, version: model.version, digest: model.digest, ready: state === 'ready' });
    }
    return served;
  }

  /** Idempotent: asked again while it is under way or done, it answers how far it is. */
  async load(order: LoadOrder): Promise<LoadAnswer> {
    if (this.closed) throw new WatershedError('shutting_down', 'This runner is shutting down.');
    const { model } = order;
    const key = entryKey(model.name, model.version);
    let entry = this.entries.get(key);
    if (entry) this.fence(entry, order);
    const restMs = entry?.crashes.restMs(this.options.now()) ?? 0;
    const settledFailure = entry?.state === 'failed' && (restMs > 0 || entry.epoch === order.epoch);
    if (!entry || (!settledFailure && !holdsMemory(entry.state)) || entry.model.digest !== model.digest) {
      entry = this.begin(order, entry);
    }
    entry.placementId = order.placementId;
    entry.epoch = order.epoch;
    await this.settled(entry);
    return answerOf(entry);
  }

  /**
   * Takes a version away; requests that it works on may finish within the drain limit, which somebody who needs its memory
   * now sets lower (see `drainLimitMs`).
   */
  async unload(
    order: { placementId: string; epoch: number; name: string; version: string },
    drainLimitMs = this.options.drainLimitMs,
  ) {
    const entry = this.entries.get(entryKey(order.name, order.version));
    if (!entry) return { state: 'unloaded' as const };
    this.fence(entry, order);
    entry.epoch = order.epoch;
    if (entry.state !== 'unloading') {
      const held = holdsMemory(entry.state);
      entry.state = 'unloading';
      entry.work = this.lanes.run(entry.model.name, () => this.takeAway(entry, held, drainLimitMs));
    }
    await this.settled(entry);
    return { state: entry.state === 'unloading' ? ('unloading' as const) : ('unloaded' as const) };
  }

  /** How an inference on this entry's `generation` ended. Errors count: a model that only says it is ready is not. */
  ended(entry: ModelEntry, generation: number, end: InferenceEnd): void {
    entry.counts.inferences += 1;
    if (end === 'succeeded') {
      entry.crashes.succeeded();
      return;
    }
    entry.counts.errors += 1;
    // One process died once, however many requests it took along.
    if (entry.generation !== generation || entry.state !== 'ready') return;
    const now = this.options.now();
    this.judge(entry, end === 'crashed' ? entry.crashes.crashed(now) : entry.crashes.failed(now));
  }

  /** A served version had work and answered none of it for longer than any inference may take. */
  hung(servedName: string, servedVersion: string): void {
    const entry = [...this.entries.values()].find(
      (one) => one.servedName === servedName && one.servedVersion === servedVersion,
    );
    // One on its way out is ended by its drain limit.
    if (entry?.state !== 'ready') return;
    const { host, logger } = this.options;
    const { name, version } = entry.model;
    if (!host.kill) {
      logger.warn({ model: name, version }, 'model hangs on a server that is not ours to end: in quarantine');
      entry.generation += 1;
      entry.state = 'quarantined';
      entry.failure = memoryNotFreed(name).toWire();
      entry.successesBefore = undefined;
      host.giveUp(entry.model, 'the model hangs');
      return;
    }
    // At once, not when it is this model's turn: what is under way there may be waiting for it.
    const killed = host.kill(entry.model).catch((error: unknown) => {
      logger.warn({ model: name, version, err: error }, 'the process of a model that hangs was not ended');
    });
    this.judge(entry, entry.crashes.hung(this.options.now()), killed);
  }

  /** What waits in quarantine for the server to show that it is well. */
  quarantined(): ModelEntry[] {
    return [...this.entries.values()].filter((entry) => entry.state === 'quarantined');
  }

  /** Well again: its server says it is ready, and it has answered since it hung. */
  async examine(entry: ModelEntry): Promise<void> {
    const successes = await this.options.host.successes(entry.model);
    if (entry.state !== 'quarantined' || successes === undefined) return;
    entry.successesBefore ??= successes;
    if (successes <= entry.successesBefore) return;
    entry.state = 'ready';
    entry.failure = undefined;
    this.options.logger.info({ model: entry.model.name, version: entry.model.version }, 'model leaves quarantine');
  }

  /** The watch found this entry's model dead or missing though nobody had it do anything. */
  lost(entry: ModelEntry, why: 'crashed' | 'missing'): void {
    // Gone from quarantine: whoever runs the server has ended it.
    if (entry.state !== 'ready' && entry.state !== 'quarantined') return;
    this.judge(entry, why === 'crashed' ? entry.crashes.crashed(this.options.now()) : 'reload');
  }

  /** The whole server went: nobody's fault, and everything is loaded again as soon as it is back. */
  serverGone(): ModelEntry[] {
    const gone: ModelEntry[] = [];
    for (const entry of this.entries.values()) {
      if (entry.state !== 'ready' && entry.state !== 'quarantined') continue;
      entry.state = 'loading';
      entry.generation += 1;
      entry.stranded = true;
      gone.push(entry);
    }
    return gone;
  }

  /** What waits for the server to come back. */
  stranded(): ModelEntry[] {
    return [...this.entries.values()].filter((entry) => entry.stranded === true && entry.state === 'loading');
  }

  /** Loads again what is stranded. */
  revive(): void {
    const stranded = this.stranded();
    for (const entry of stranded) entry.stranded = false;
    for (const name of new Set(stranded.map((entry) => entry.model.name))) {
      const group = stranded.filter((entry) => entry.model.name === name);
      const work = this.lanes.run(name, () => this.reload(name, group, false));
      for (const entry of group) entry.work = work;
    }
  }

  /** Takes no more orders, and waits for those under way. */
  async close(): Promise<void> {
    this.closed = true;
    this.clearing.close();
    await this.lanes.idle();
  }

  private fence(entry: ModelEntry, order: { placementId: string; epoch: number }): void {
    if (entry.placementId !== order.placementId || order.epoch >= entry.epoch) return;
    throw new WatershedError('conflict', 'A newer order for this placement has arrived before.', {
      details: { epoch: entry.epoch },
    });
  }

  private begin(order: LoadOrder, old: ModelEntry | undefined): ModelEntry {
    const { model } = order;
    const key = entryKey(model.name, model.version);
    const changed = () => this.options.changed?.();
    const fresh: ModelEntry = {
      key,
      model,
      servedName: this.options.servedName(model.name),
      servedVersion: String(model.serial),
      crashes: old?.crashes ?? new CrashPolicy(),
      tenants: old?.tenants ?? new Tenants(),
      counts: old?.counts ?? { inferences: 0, errors: 0 },
      placementId: order.placementId,
      epoch: order.epoch,
      state: 'pulling',
      generation: (old?.generation ?? 0) + 1,
    };
    const entry = trackedEntry(fresh, changed);
    this.entries.set(key, entry);
    changed();
    entry.work = this.lanes.run(model.name, () => this.bring(entry));
    return entry;
  }

  private async bring(entry: ModelEntry): Promise<void> {
    const { blobs, trust, host, budget, mayRunHere } = this.options;
    const { manifest } = entry.model;
    try {
      if (!mayRunHere(manifest.regions))
        throw new WatershedError('policy_forbids', "The model's manifest does not allow this runner's region.");
      if (!budget.reserve(entry.key, manifest.memoryBytes))
        throw new WatershedError('memory_exhausted', 'This runner has no room for the model. Unload another first.', {
          details: { neededBytes: manifest.memoryBytes, freeBytes: budget.freeBytes },
        });
      await trust.verifyPapers(entry.model);
      const path = await blobs.obtain(manifest.blob);
      entry.blobPath = path;
      await trust.verifyFile(entry.model, path);
      if (!isUnderWay(entry.state)) return;
      entry.state = 'loading';
      await host.ready();
      await host.load(manifest.name, this.hosted(manifest.name, entry));
      compareMetadata(manifest, await host.metadata(entry.model));
      if (isUnderWay(entry.state)) entry.state = 'ready';
      this.options.logger.info({ model: manifest.name, version: manifest.version }, 'model ready');
    } catch (error) {
      await this.giveUp(entry, error);
    }
  }

  /** Every version of the model that should be served, with `also` among them. */
  private hosted(name: string, also?: ModelEntry): HostedVersion[] {
    const versions: HostedVersion[] = [];
    for (const entry of this.entries.values()) {
      if (entry.model.name !== name || entry.blobPath === undefined) continue;
      if (entry === also || (holdsMemory(entry.state) && entry.state !== 'pulling'))
        versions.push({ model: entry.model, blobPath: entry.blobPath });
    }
    return versions;
  }

  private async giveUp(entry: ModelEntry, error: unknown): Promise<void> {
    const { logger } = this.options;
    const wire = toWireError(error);
    const { name, version } = entry.model;
    logger.warn({ model: name, version, code: wire.code, err: error }, 'model not loaded');
    const unloading = !isUnderWay(entry.state);
    await this.clear(entry, this.options.drainLimitMs);
    // An unload that came meanwhile finds nothing left to do.
    if (unloading) return;
    entry.state = 'failed';
    entry.failure = wire;
  }

  private async takeAway(entry: ModelEntry, held: boolean, drainLimitMs: number): Promise<void> {
    if (held) await this.clear(entry, drainLimitMs);
    entry.state = 'unloaded';
    if (this.entries.get(entry.key) === entry) this.entries.delete(entry.key);
  }

  private async clear(entry: ModelEntry, drainLimitMs: number): Promise<void> {
    const siblings = this.hosted(entry.model.name).filter(({ model }) => model !== entry.model);
    await this.clearing.clear(entry, siblings, drainLimitMs);
  }

  private judge(entry: ModelEntry, verdict: CrashVerdict, killed?: Promise<void>): void {
    const { logger, now, drainLimitMs } = this.options;
    const { name, version } = entry.model;
    if (verdict === 'none') return;
    if (verdict === 'reload') {
      logger.warn({ model: name, version, hung: killed !== undefined }, 'model is unloaded and loaded again');
      // The server unloads by name, so the other versions go and come with it.
      const group = [...this.entries.values()].filter(
        (one) => one === entry || (one.model.name === name && one.state === 'ready'),
      );
      const work = this.lanes.run(name, () => this.reload(name, group, true, killed));
      for (const one of group)
        Object.assign(one, { state: 'loading', failure: undefined, generation: one.generation + 1, work });
      return;
    }
    entry.generation += 1;
    const how = killed ? 'hung twice without an answer in between' : 'crashed twice within a minute';
    logger.warn({ model: name, version }, `model ${how} and is taken away`);
    const retryAfterMs = entry.crashes.restMs(now());
    entry.failure = new WatershedError('model_crashed', `The model ${how}.`, { retryAfterMs }).toWire();
    entry.state = 'failed';
    entry.work = this.lanes.run(name, async () => {
      await killed;
      await this.clear(entry, drainLimitMs);
    });
  }

  private async reload(
    name: string,
    group: readonly ModelEntry[],
    unloadFirst: boolean,
    killed?: Promise<void>,
  ): Promise<void> {
    const { host } = this.options;
    await killed;
    const waiting = group.filter((entry) => entry.state === 'loading');
    if (waiting.length === 0) return;
    try {
      await host.ready();
      if (unloadFirst) await host.unload(name);
      await host.load(name, this.hosted(name));
      for (const entry of waiting) {
        compareMetadata(entry.model.manifest, await host.metadata(entry.model));
        if (entry.state === 'loading') entry.state = 'ready';
      }
    } catch (error) {
      // No server is nobody's failure here: they stay loading until it is back.
      if (isWatershedError(error, 'model_server_unavailable')) for (const entry of waiting) entry.stranded = true;
      else for (const entry of waiting) await this.giveUp(entry, error);
    }
  }

  /** Waits for what is under way, but not longer than the caller does. */
  private async settled(entry: ModelEntry): Promise<void> {
    const { work } = entry;
    if (!work || entry.state === 'ready' || entry.state === 'failed' || entry.state === 'quarantined') return;
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, this.options.answerWithinMs);
    });
    await Promise.race([work, patience]);
    clearTimeout(timer);
  }
}
