import { LRUCache } from 'lru-cache';
import { type ModelVersion, modelsChanged, registryModel, registryModels, semver } from '#contracts';
import { isWatershedError, WatershedError } from '#errors';
import type { GatewayCluster } from '../cluster/cluster.port.js';

/** Approved models as the registry has them, remembered for a few seconds and forgotten when it says that they changed. */
export class ModelCatalogue {
  private readonly known = new LRUCache<string, Promise<ModelVersion>>({ max: 500, ttl: 10_000 });

  constructor(private readonly cluster: GatewayCluster) {}

  /** Stops listening. */
  watch(): () => void {
    return this.cluster.on(modelsChanged, () => this.known.clear());
  }

  /** The newest approved version, or the one asked for by its own version or by Triton's integer. Throws `model_unknown`. */
  version(name: string, asked: string | undefined): Promise<ModelVersion> {
    const bySerial = asked !== undefined && /^\d{1,15}$/.test(asked);
    if (asked !== undefined && !bySerial && !semver.safeParse(asked).success)
      return Promise.reject(unknown(name, asked));
    const key = `${name} ${asked ?? ''}`;
    const known = this.known.get(key);
    if (known) return known;
    const finding = bySerial ? this.bySerial(name, Number(asked)) : this.byVersion(name, asked);
    this.known.set(key, finding);
    finding.catch(() => this.known.delete(key));
    return finding;
  }

  async distributes(name: string, version: string | undefined): Promise<boolean> {
    try {
      await this.version(name, version);
      return true;
    } catch (error) {
      if (isWatershedError(error, 'model_unknown')) return false;
      throw error;
    }
  }

  private byVersion(name: string, version: string | undefined): Promise<ModelVersion> {
    return this.cluster.call(registryModel, { name, ...(version === undefined ? {} : { version }) });
  }

  private async bySerial(name: string, serial: number): Promise<ModelVersion> {
    let cursor: string | undefined;
    do {
      const page = await this.cluster.call(registryModels, { cursor, limit: 200, review: 'approved' });
      const found = page.items.find((each) => each.name === name && each.serial === serial);
      if (found) return found;
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    throw unknown(name, String(serial));
  }
}

const unknown = (name: string, version: string) =>
  new WatershedError('model_unknown', `No version ${version.slice(0, 64)} of ${name} is known here.`);
