import type { ModelVersion } from '#contracts';
import { WatershedError } from '#errors';
import { sampleModel } from '../../testing/sample-model.js';
import { MemoryBudget } from './memory-budget.js';
import type { ModelHost } from './model.ports.js';
import { ModelLifecycle, type ModelLifecycleOptions } from './model-lifecycle.js';

export const placement = { placementId: '01890000-0000-7000-8000-000000000001', epoch: 1 };

/** A host that serves what it is told to, and fails as it is told to. */
class FakeHost implements ModelHost {
  readonly calls: string[] = [];
  failing: Error | undefined;
  down = false;
  gate: Promise<void> | undefined;
  /** As where the processes are ours to end; absent for a server of somebody else's. */
  kill?: (model: ModelVersion) => Promise<void>;
  /** What the server says when it is asked whether it let go. */
  free = true;
  done: number | undefined = 0;

  async ready(): Promise<void> {
    if (this.down) throw new WatershedError('model_server_unavailable', 'down');
  }
  async load(name: string, versions: readonly { model: ModelVersion }[]): Promise<void> {
    this.calls.push(`load ${name} ${versions.map(({ model }) => model.version).join(',')}`);
    await this.gate;
    if (this.failing) throw this.failing;
  }
  async unload(name: string): Promise<void> {
    this.calls.push(`unload ${name}`);
  }
  async discard(model: ModelVersion): Promise<void> {
    this.calls.push(`discard ${model.version}`);
  }
  readonly drainLimits: number[] = [];
  async freed(_model: ModelVersion, limitMs: number): Promise<boolean> {
    this.drainLimits.push(limitMs);
    // Time passes at a real server: a loop that asks again must let others have their turn.
    await new Promise((resolve) => setImmediate(resolve));
    return this.free;
  }
  giveUp(model: ModelVersion): void {
    this.calls.push(`give up ${model.version}`);
  }
  async successes(): Promise<number | undefined> {
    return this.done;
  }
  async metadata({ manifest }: ModelVersion) {
    const wire = ({ name, datatype, shape }: (typeof manifest.inputs)[number]) => ({ name, datatype, shape });
    return {
      name: manifest.name,
      versions: [],
      platform: 'onnxruntime_onnx',
      inputs: manifest.inputs.map(wire),
      outputs: manifest.outputs.map(wire),
    };
  }
}

export function make(change: Partial<ModelLifecycleOptions> = {}) {
  const host = new FakeHost();
  const clock = { ms: 0 };
  const budget = new MemoryBudget(100);
  const released: string[] = [];
  const models = new ModelLifecycle({
    host,
    blobs: { obtain: async (blob) => `/blobs/${blob.sha256}`, release: (sha256) => void released.push(sha256) },
    trust: { verifyPapers: async () => undefined, verifyFile: async () => undefined },
    budget,
    servedName: (name) => name.replace('/', '--'),
    mayRunHere: () => true,
    answerWithinMs: 1_000,
    drainLimitMs: 30_000,
    now: () => clock.ms,
    logger: { info: () => undefined, warn: () => undefined },
    ...change,
  });
  return { host, clock, budget, models, released };
}

export const model = (change: { version?: string; memoryBytes?: number; serial?: number } = {}) =>
  sampleModel({ memoryBytes: 40, ...change });
export const ready = (models: ModelLifecycle, version = '1.0.0') => models.find('org/sample', version);
export const found = (models: ModelLifecycle, version = '1.0.0') => {
  const entry = ready(models, version);
  if (!entry) throw new Error('no such entry');
  return entry;
};
