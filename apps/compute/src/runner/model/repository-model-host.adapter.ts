import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, copyFile, link, mkdir, open, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { ModelVersion } from '#contracts';
import { WatershedError } from '#errors';
import { isModelServerError, type ModelServer, type ModelServerSupervisor } from '../server/model-server.port.js';
import type { HostedVersion, ModelHost } from './engine/model.ports.js';

export interface ModelHostOptions {
  readonly server: ModelServer;
  readonly supervisor: Pick<ModelServerSupervisor, 'ensure' | 'url' | 'processes'>;
  readonly servedName: (model: string) => string;
  readonly loadTimeoutMs: number;
}

/** What goes wrong between us and the server, as the orchestrator is told. */
export function hostError(error: unknown): unknown {
  if (!isModelServerError(error)) return error;
  if (error.failure === 'unreachable' || error.failure === 'timeout')
    return new WatershedError('model_server_unavailable', 'The model server does not answer. It is started again.', {
      retryAfterMs: 1_000,
      cause: error,
    });
  if (error.failure === 'refused')
    return new WatershedError('model_invalid', 'The model server cannot load this model file.', { cause: error });
  return new WatershedError('model_not_ready', 'The model server could not load the model.', {
    retryAfterMs: 5_000,
    cause: error,
  });
}

const firstLookMs = 5;
const longestLookMs = 250;

abstract class ServerModelHost implements ModelHost {
  readonly kill?: (model: ModelVersion) => Promise<void>;

  constructor(protected readonly options: ModelHostOptions) {
    const { processes } = options.supervisor;
    if (!processes) return;
    this.kill = async (model) => {
      await processes.killModel(options.servedName(model.name), String(model.serial));
    };
  }

  async ready(): Promise<void> {
    await this.options.supervisor.ensure();
  }

  async unload(name: string): Promise<void> {
    await this.asked(() => this.options.server.unload(this.options.servedName(name)));
  }

  async metadata(model: ModelVersion) {
    const { server, servedName } = this.options;
    return this.asked(() => server.metadata(servedName(model.name), String(model.serial)));
  }

  async freed(model: ModelVersion, limitMs: number): Promise<boolean> {
    const { server, servedName, supervisor } = this.options;
    const name = servedName(model.name);
    const version = String(model.serial);
    const until = performance.now() + limitMs;
    for (let waitMs = firstLookMs; ; waitMs = Math.min(waitMs * 2, longestLookMs)) {
      try {
        const index = await server.index();
        const found = index.find((one) => one.name === name && one.version === version);
        if (found?.state === undefined || found.state === 'UNAVAILABLE') return true;
      } catch (error) {
        if (!isModelServerError(error)) throw error;
        // A server that is gone holds nothing; one that does not answer might.
        if (supervisor.url() === undefined) return true;
      }
      const leftMs = until - performance.now();
      if (leftMs <= 0) return false;
      await delay(Math.min(waitMs, leftMs));
    }
  }

  giveUp(model: ModelVersion, why: string): void {
    this.options.server.giveUp(this.options.servedName(model.name), why);
  }

  async successes(model: ModelVersion): Promise<number | undefined> {
    const { server, servedName } = this.options;
    const name = servedName(model.name);
    const version = String(model.serial);
    try {
      if (!(await server.modelReady(name, version))) return undefined;
      return (await server.statistics(name, version)).successCount;
    } catch (error) {
      if (!isModelServerError(error)) throw error;
      return undefined; // it does not say
    }
  }

  abstract load(name: string, versions: readonly HostedVersion[]): Promise<void>;
  abstract discard(model: ModelVersion): Promise<void>;

  protected async asked<Result>(ask: () => Promise<Result>): Promise<Result> {
    try {
      return await ask();
    } catch (error) {
      throw hostError(error);
    }
  }
}

/**
 * Writes Triton's layout into a folder that the server reads: `<org>--<model>/config.pbtxt` and
 * `<org>--<model>/<serial>/model.onnx`. Every file appears whole, by rename, because a server may look at any instant.
 */
export class RepositoryModelHost extends ServerModelHost {
  constructor(
    options: ModelHostOptions,
    private readonly folder: string,
    /** The text of config.pbtxt for these versions of one model. */
    private readonly configText: (versions: readonly HostedVersion[]) => string,
    /** Whether a server of another user reads the folder; else it is for our own user alone. */
    private readonly openToOthers = false,
  ) {
    super(options);
  }

  private async folderAt(path: string): Promise<void> {
    await mkdir(path, { recursive: true, mode: 0o700 });
    // Said apart: what this process makes is its user's alone (umask).
    if (this.openToOthers) await chmod(path, 0o755);
  }

  /**
   * Removes what an earlier run left, because nothing is served that was not asked for in this one. Answers whether there
   * was a model among it.
   */
  async clean(): Promise<boolean> {
    const left = existsSync(this.folder) ? await readdir(this.folder, { recursive: true }) : [];
    await rm(this.folder, { recursive: true, force: true });
    await this.folderAt(this.folder);
    return left.some((file) => basename(file) === 'model.onnx');
  }

  async load(name: string, versions: readonly HostedVersion[]): Promise<void> {
    const served = this.options.servedName(name);
    const root = join(this.folder, served);
    await this.folderAt(root);
    for (const version of versions) await this.placeVersion(root, version);
    const draft = join(root, `.config-${randomUUID()}`);
    await writeFile(draft, this.configText(versions), { mode: 0o600 });
    if (this.openToOthers) await chmod(draft, 0o644);
    await rename(draft, join(root, 'config.pbtxt'));
    await this.asked(() => this.options.server.load(served, {}, this.options.loadTimeoutMs));
  }

  async discard(model: ModelVersion): Promise<void> {
    await rm(join(this.folder, this.options.servedName(model.name), String(model.serial)), {
      recursive: true,
      force: true,
    });
  }

  private async placeVersion(root: string, version: HostedVersion): Promise<void> {
    const target = join(root, String(version.model.serial));
    // A folder without a number is no version to the server, so it does not look into the draft.
    const draft = join(root, `.version-${randomUUID()}`);
    try {
      await this.folderAt(draft);
      const file = join(draft, 'model.onnx');
      await linkOrCopy(version.blobPath, file);
      // Also where it is the cached blob under a second name: nobody else comes into the folder of those.
      await chmod(file, this.openToOthers ? 0o644 : 0o600);
      await rename(draft, target);
    } catch (error) {
      await rm(draft, { recursive: true, force: true });
      // There already, with the same bytes: a serial is assigned once a digest.
      if (!isTaken(error)) throw error;
    }
  }
}

/** For a Triton whose folder we cannot reach: the files travel in the load request, so only small models fit. */
export class InlineModelHost extends ServerModelHost {
  constructor(
    options: ModelHostOptions,
    private readonly maxBytes: number,
    /** The config as JSON for these versions of one model. */
    private readonly configJson: (versions: readonly HostedVersion[]) => string,
    private readonly readBlob: (path: string) => Promise<Uint8Array>,
  ) {
    super(options);
  }

  async load(name: string, versions: readonly HostedVersion[]): Promise<void> {
    const { server, servedName, loadTimeoutMs } = this.options;
    const total = versions.reduce((sum, { model }) => sum + model.manifest.blob.sizeBytes, 0);
    if (total > this.maxBytes)
      throw new WatershedError(
        'memory_exhausted',
        'The model is too large to travel in a load request. Set TRITON_MODEL_DIR to a folder that Triton reads.',
        { details: { sizeBytes: total, maxBytes: this.maxBytes } },
      );
    const files: Record<string, Uint8Array> = {};
    for (const { model, blobPath } of versions) files[`${model.serial}/model.onnx`] = await this.readBlob(blobPath);
    const config = this.configJson(versions);
    await this.asked(() => server.load(servedName(name), { config, files }, loadTimeoutMs));
  }

  async discard(): Promise<void> {}
}

/** A second name for the cached blob where the file system allows, else a copy that is on the disk before it is seen. */
async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch {
    await copyFile(from, to); // another file system, or one without links
    const file = await open(to, 'r+');
    try {
      await file.sync();
    } finally {
      await file.close();
    }
  }
}

const isTaken = (error: unknown): boolean =>
  typeof error === 'object' &&
  error !== null &&
  'code' in error &&
  (error.code === 'ENOTEMPTY' || error.code === 'EEXIST');
