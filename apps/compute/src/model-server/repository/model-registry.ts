import { OrphanGuard } from '../child/orphan-guard.js';
import { ConfigError } from '../config/config-message.js';
import { chooseVersions, type ModelConfig, versionPolicyOf } from '../config/model-config.js';
import { StatusError } from '../status-error.js';
import type { FoundModel, LoadOverride, ModelFiles } from './model-files.js';
import { ModelVersion, UNLOADED } from './model-version.js';

export interface RegistryOptions {
  readonly files: ModelFiles;
  /** The built entry of a model's process. */
  readonly childEntry: string;
  /** ONNX Runtime's threads a model. */
  readonly threads: number;
  readonly loadTimeoutMs: number;
  /** How long requests in flight may hold up an unload. */
  readonly unloadTimeoutMs: number;
  readonly maxQueue: number;
  readonly maxQueueBytes: number;
  /** The process of a version that served has ended, and not because the version was unloaded. */
  readonly died?: (name: string, version: number) => void;
}

export interface IndexEntry {
  readonly name: string;
  readonly version?: string;
  readonly state?: string;
  readonly reason?: string;
}

interface ModelEntry {
  readonly versions: ReadonlyMap<number, ModelVersion>;
  readonly fingerprint: string | undefined;
  readonly inline: boolean;
}

/** Every model that was ever asked for, with its versions and their states; loads and unloads them, one change a name at a time. */
export class ModelRegistry {
  private readonly models = new Map<string, ModelEntry>();
  private readonly changes = new Map<string, Promise<unknown>>();
  /** Every version that has a process, in service or not: loading beside what it replaces, or finishing its last requests. */
  private readonly alive = new Set<ModelVersion>();
  private readonly leaving = new Set<Promise<unknown>>();
  private readonly guard = new OrphanGuard();
  private closed = false;

  constructor(private readonly options: RegistryOptions) {}

  /** The version that serves a request: the newest ready one, or the one that is named. Throws 404 and 503. */
  ready(name: string, version?: number): ModelVersion {
    const known = this.models.get(name);
    if (!known) throw new StatusError(404, `Request for unknown model: '${name}' is not found`);
    if (version === undefined) {
      const newest = [...known.versions.values()].filter((own) => own.state === 'READY').at(-1);
      if (!newest) throw new StatusError(404, `Request for unknown model: '${name}' has no available versions`);
      return newest;
    }
    const own = known.versions.get(version);
    if (!own) throw new StatusError(404, `Request for unknown model: '${name}' version ${version} is not found`);
    if (own.state !== 'READY') {
      throw new StatusError(503, `Request for unknown model: '${name}' version ${version} is not at ready state`);
    }
    return own;
  }

  isReady(name: string, version?: number): boolean {
    try {
      return this.ready(name, version).state === 'READY';
    } catch (error) {
      if (error instanceof StatusError) return false;
      throw error;
    }
  }

  /** The versions that are ready, in order. */
  readyVersions(name: string): ModelVersion[] {
    return [...(this.models.get(name)?.versions.values() ?? [])].filter((own) => own.state === 'READY');
  }

  /** Every ready version of every model. */
  all(): ModelVersion[] {
    return [...this.models.keys()].sort().flatMap((name) => this.readyVersions(name));
  }

  /**
   * What is in the repository, with the states of what was ever asked for. A model that came in a request is not in the
   * repository; it is listed only when its process died, because nothing else could tell why.
   */
  async index(readyOnly: boolean): Promise<IndexEntry[]> {
    const folders = await this.options.files.names();
    const died = [...this.models]
      .filter(([name, model]) => !folders.includes(name) && model.inline && diedIn(model))
      .map(([name]) => name);
    const entries: IndexEntry[] = [];
    for (const name of [...folders, ...died].sort()) {
      const model = this.models.get(name);
      if (!model && !readyOnly) entries.push({ name });
      for (const own of model?.versions.values() ?? []) {
        if (readyOnly && own.state !== 'READY') continue;
        const version = String(own.version);
        entries.push(
          own.reason === ''
            ? { name, version, state: own.state }
            : { name, version, state: own.state, reason: own.reason },
        );
      }
    }
    return entries;
  }

  /** Loads a model, or loads it anew where its files or its configuration changed. Throws 500 (not usable) and 400 (does not open). */
  load(name: string, override: LoadOverride): Promise<void> {
    return this.change(name, async () => {
      let found: FoundModel;
      try {
        found = await this.options.files.find(name, override);
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        throw new StatusError(500, `failed to load '${name}', failed to poll from model repository: ${error.message}`);
      }
      const before = this.models.get(name);
      const unchanged = before && found.fingerprint !== undefined && before.fingerprint === found.fingerprint;
      if (unchanged && before.versions.size > 0 && [...before.versions.values()].every((own) => own.state === 'READY'))
        return;
      await this.replace(name, found, before);
    });
  }

  private async replace(name: string, found: FoundModel, before: ModelEntry | undefined): Promise<void> {
    const chosen = chooseVersions(versionPolicyOf(found.config), found.versions);
    if (found.config.backend !== 'onnxruntime' || found.config.sequence_batching || found.config.ensemble_scheduling) {
      throw new StatusError(
        400,
        `load failed for model '${name}': this server runs ONNX models by the backend 'onnxruntime', without sequence batching or ensembles`,
      );
    }
    const versions = new Map(chosen.map((version) => [version, new ModelVersion(name, version)]));
    const serving = before && [...before.versions.values()].some((own) => own.state === 'READY');
    const entry: ModelEntry = { versions, fingerprint: found.fingerprint, inline: found.inline };
    // What serves goes on serving until what replaces it is ready.
    if (!serving) this.models.set(name, entry);
    if (chosen.length === 0) {
      throw new StatusError(
        400,
        `load failed for model '${name}': at least one version must be available under the version policy of model '${name}'`,
      );
    }
    await Promise.all([...versions.values()].map((version) => this.open(version, found)));
    const failed = [...versions.values()].filter((own) => own.state !== 'READY');
    if (failed.length > 0) {
      const reasons = failed.map((own) => `version ${own.version} is at ${own.state} state: ${own.reason};`);
      if (serving) await Promise.all([...versions.values()].map((own) => own.stop(UNLOADED)));
      throw new StatusError(400, `load failed for model '${name}': ${reasons.join(' ')}`);
    }
    this.models.set(name, entry);
    if (serving) for (const own of before.versions.values()) this.leave(own);
  }

  private async open(own: ModelVersion, found: FoundModel): Promise<void> {
    const { childEntry, threads, loadTimeoutMs, maxQueue, maxQueueBytes } = this.options;
    const filename = String(found.config.default_model_filename);
    const model = found.file(own.version, filename);
    const title = [own.name, String(own.version)];
    const limits = { threads, loadTimeoutMs, maxQueue, maxQueueBytes };
    const process = { entry: childEntry, title, model, guard: this.guard, ...limits };
    this.alive.add(own);
    await own.load(process, found.config, () => {
      this.alive.delete(own);
      if (own.died) this.options.died?.(own.name, own.version);
    });
    if (own.state !== 'READY') return;
    try {
      own.labels = await readLabels(own.config, found);
    } catch (error) {
      await own.stop(`Internal: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  /** Takes a model out of service; answers before its requests in flight are done. */
  unload(name: string): Promise<void> {
    return this.change(name, async () => {
      for (const own of this.models.get(name)?.versions.values() ?? []) this.leave(own);
    });
  }

  private leave(own: ModelVersion): void {
    const gone: Promise<unknown> = own.unload(this.options.unloadTimeoutMs).finally(() => this.leaving.delete(gone));
    this.leaving.add(gone);
  }

  /** Ends processes at once; does not wait for a change under way, which may be what hangs. */
  async kill(name: string, version?: number): Promise<boolean> {
    const named = (own: ModelVersion) => own.name === name && (version === undefined || own.version === version);
    const versions = [...this.alive].filter(named);
    const stopped = await Promise.all(versions.map((own) => own.stop('killed')));
    return stopped.includes(true);
  }

  /** The processes of a model, in service or not. */
  processIds(name: string): number[] {
    const own = [...this.alive].filter((version) => version.name === name);
    return own.flatMap((version) => version.processId ?? []);
  }

  /** Ends every process; nothing is loaded afterwards. */
  async close(): Promise<void> {
    this.closed = true;
    await Promise.all([...this.alive].map((own) => own.stop(UNLOADED)));
    await Promise.allSettled([...this.changes.values(), ...this.leaving]);
    this.guard.close();
  }

  private change(name: string, action: () => Promise<void>): Promise<void> {
    const before = this.changes.get(name) ?? Promise.resolve();
    const next = before.then(() => {
      if (this.closed) throw new StatusError(503, 'the server is shutting down');
      return action();
    });
    const settled: Promise<unknown> = next
      .catch(() => undefined)
      .finally(() => {
        if (this.changes.get(name) === settled) this.changes.delete(name);
      });
    this.changes.set(name, settled);
    return next;
  }
}

const diedIn = (model: ModelEntry): boolean => [...model.versions.values()].some((own) => own.died);

async function readLabels({ outputs }: ModelConfig, found: FoundModel): Promise<Map<string, string[]>> {
  const labels = new Map<string, string[]>();
  for (const { name, labelFilename } of outputs) {
    if (labelFilename === '') continue;
    const text = await found.text(labelFilename);
    if (text === undefined) throw new ConfigError(`the label file '${labelFilename}' of output '${name}' is missing`);
    labels.set(name, text.replace(/\r?\n$/, '').split(/\r?\n/));
  }
  return labels;
}
