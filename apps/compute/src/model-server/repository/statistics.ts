import type { InferTimes } from '../child/model-process.js';

interface Duration {
  count: number;
  ns: number;
}
interface BatchTimes {
  input: Duration;
  infer: Duration;
  output: Duration;
}
export type FailureReason = 'REJECTED' | 'CANCELED' | 'BACKEND' | 'OTHER';

const duration = (): Duration => ({ count: 0, ns: 0 });
const add = (to: Duration, ns: number): void => {
  to.count++;
  to.ns += ns;
};

/** The counters of one version since it was loaded; times in nanoseconds. */
export class VersionStatistics {
  readonly success = duration();
  readonly fail = duration();
  readonly queue = duration();
  readonly input = duration();
  readonly infer = duration();
  readonly output = duration();
  readonly failures: Record<FailureReason, number> = { REJECTED: 0, CANCELED: 0, BACKEND: 0, OTHER: 0 };
  private readonly batches = new Map<number, BatchTimes>();
  private lastInferenceMs = 0;
  inferenceCount = 0;

  succeeded(batch: number, totalNs: number, times: InferTimes): void {
    this.lastInferenceMs = Date.now();
    this.inferenceCount += batch;
    add(this.success, totalNs);
    add(this.queue, times.queueNs);
    add(this.input, times.inputNs);
    add(this.infer, times.inferNs);
    add(this.output, times.outputNs);
    let own = this.batches.get(batch);
    if (!own) {
      own = { input: duration(), infer: duration(), output: duration() };
      this.batches.set(batch, own);
    }
    add(own.input, times.inputNs);
    add(own.infer, times.inferNs);
    add(own.output, times.outputNs);
  }

  failed(reason: FailureReason, totalNs: number): void {
    this.failures[reason]++;
    add(this.fail, totalNs);
  }

  /** As an element of `model_stats`. `memoryBytes` is what the process held when the model was open. */
  toJson(name: string, version: string, memoryBytes: number): Record<string, unknown> {
    const batches = [...this.batches].sort(([a], [b]) => a - b);
    return {
      name,
      version,
      last_inference: this.lastInferenceMs,
      inference_count: this.inferenceCount,
      execution_count: this.success.count,
      inference_stats: {
        success: this.success,
        fail: this.fail,
        queue: this.queue,
        compute_input: this.input,
        compute_infer: this.infer,
        compute_output: this.output,
        cache_hit: duration(),
        cache_miss: duration(),
      },
      response_stats: {},
      batch_stats: batches.map(([size, times]) => ({
        batch_size: size,
        compute_input: times.input,
        compute_infer: times.infer,
        compute_output: times.output,
      })),
      memory_usage: [{ type: 'CPU', id: 0, byte_size: memoryBytes }],
    };
  }
}
