import { WatershedError } from '#errors';
import type { MemoryBudget } from './memory-budget.js';
import type { BlobPort, HostedVersion, LifecycleLogger, ModelHost } from './model.ports.js';
import type { ModelEntry } from './model-entry.js';

export interface ClearOptions {
  readonly host: ModelHost;
  readonly blobs: Pick<BlobPort, 'release'>;
  readonly budget: Pick<MemoryBudget, 'release'>;
  readonly logger: LifecycleLogger;
}

/**
 * Takes versions from the server. Their memory counts as free when it is: not before the server has let go of it, and a
 * process that has not by the drain limit is killed.
 */
export class Clearing {
  private closed = false;

  constructor(private readonly options: ClearOptions) {}

  /** Never rejects. `siblings` are the versions of the model that stay served. */
  async clear(entry: ModelEntry, siblings: readonly HostedVersion[], drainLimitMs: number): Promise<void> {
    const { host, budget, blobs, logger } = this.options;
    const { name, manifest } = entry.model;
    const path = entry.blobPath;
    entry.blobPath = undefined;
    try {
      if (path !== undefined) {
        // First the file, because a server serves every version that it finds when it loads the others again.
        await host.discard(entry.model);
        if (siblings.length > 0) await host.load(name, siblings);
        else {
          await host.unload(name);
          await this.free(entry, drainLimitMs);
        }
      }
    } catch (error) {
      // The server is gone or refuses: the watch brings back what should be there, and only that.
      logger.warn({ model: name, err: error }, 'model not taken from the server');
    } finally {
      if (path !== undefined) blobs.release(manifest.blob.sha256);
      budget.release(entry.key);
    }
  }

  /** Waits no longer for memory that others have to free. */
  close(): void {
    this.closed = true;
  }

  private async free(entry: ModelEntry, drainLimitMs: number): Promise<void> {
    const { host, logger } = this.options;
    const { name, version } = entry.model;
    for (let late = false; !(await host.freed(entry.model, drainLimitMs)); late = true) {
      if (this.closed) return;
      const ends = host.kill !== undefined && entry.tenants.allRevoked;
      if (!late) logger.warn({ model: name, version, drainLimitMs, killed: ends }, 'model not drained in time');
      if (host.kill && ends) {
        await host.kill(entry.model);
        return;
      }
      entry.failure = memoryNotFreed(name).toWire();
    }
  }
}

/** Of a server that is not ours to kill: what it hangs on to is lost until its operator restarts it. */
export const memoryNotFreed = (model: string) =>
  new WatershedError('model_not_ready', 'The model hangs, and its server is not ours to end. It waits in quarantine.', {
    details: { model, reason: 'memory_not_freed' },
    retryAfterMs: 30_000,
  });
