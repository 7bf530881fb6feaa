import { countElements, type Datatype, type InferRequest, type Tensor } from '#inference-protocol';
import type { IndexedTensor } from '../child/frames.js';
import { ModelProcess, ModelProcessError, type ModelProcessOptions, type OpenedModel } from '../child/model-process.js';
import type { ConfigMessage } from '../config/config-message.js';
import { bindConfig, type ConfiguredTensor, completeConfig, type ModelConfig } from '../config/model-config.js';
import { StatusError } from '../status-error.js';
import { VersionStatistics } from './statistics.js';

/** The reason of a version that was taken out of service on purpose, as Triton words it. */
export const UNLOADED = 'unloaded';

export type VersionState = 'LOADING' | 'READY' | 'UNLOADING' | 'UNAVAILABLE';

/** Outputs of a model, in the order of their names, as Triton gives them. */
export interface Inference {
  readonly outputs: readonly Tensor[];
}

/**
 * One version of a model and its process. It goes LOADING → READY → UNLOADING → UNAVAILABLE, or to UNAVAILABLE from
 * anywhere when its process ends, and never back: what is loaded again is another one.
 */
export class ModelVersion {
  state: VersionState = 'LOADING';
  reason = '';
  /** Its process ended while it served. */
  died = false;
  readonly statistics = new VersionStatistics();
  /** Labels by output. */
  labels: ReadonlyMap<string, readonly string[]> = new Map();
  private process: ModelProcess | undefined;
  private bound: ModelConfig | undefined;
  private opened: OpenedModel | undefined;
  private inFlight = 0;
  private idle: (() => void)[] = [];

  constructor(
    readonly name: string,
    readonly version: number,
  ) {}

  /** The configuration; only of a version that was loaded. */
  get config(): ModelConfig {
    if (!this.bound)
      throw new StatusError(
        503,
        `Request for unknown model: '${this.name}' version ${this.version} is not at ready state`,
      );
    return this.bound;
  }

  get memoryBytes(): number {
    return this.state === 'READY' || this.state === 'UNLOADING' ? (this.opened?.memoryBytes ?? 0) : 0;
  }

  get pending(): number {
    return this.process?.pending ?? 0;
  }

  get processId(): number | undefined {
    return this.process?.pid;
  }

  /** Opens the model; afterwards it is READY, or UNAVAILABLE with the reason. */
  async load(options: ModelProcessOptions, config: ConfigMessage, onEnded: () => void): Promise<void> {
    const process = new ModelProcess(options);
    this.process = process;
    void process.ended.then((why) => {
      this.becomeUnavailable(why);
      onEnded();
    });
    try {
      const opened = await process.opened;
      this.bound = bindConfig(completeConfig(config, opened), opened);
      this.opened = opened;
      if (this.state === 'LOADING') this.state = 'READY';
    } catch (error) {
      this.becomeUnavailable(`Internal: ${error instanceof Error ? error.message : String(error)}`);
      process.kill('the model could not be loaded');
      await process.ended;
    }
  }

  private becomeUnavailable(reason: string): void {
    if (this.state === 'UNAVAILABLE') return;
    this.died = this.state !== 'LOADING' && reason !== UNLOADED;
    this.state = 'UNAVAILABLE';
    this.reason = reason;
  }

  /** Runs a request that was fitted to the model. */
  async infer(request: InferRequest, batch: number, signal?: AbortSignal): Promise<Inference> {
    const { process, opened, config } = this;
    if (!process || !opened) throw new StatusError(503, `model '${this.name}' is not loaded`);
    const started = globalThis.process.hrtime.bigint();
    const elapsed = () => Number(globalThis.process.hrtime.bigint() - started);
    this.inFlight++;
    try {
      const inputs = request.inputs.map((input) => toModel(input, config, opened));
      const wanted = wantedOutputs(request, config);
      const places = wanted.map((output) => opened.outputs.findIndex((own) => own.name === output.name));
      const { outputs, times } = await process.infer(inputs, places, signal);
      this.statistics.succeeded(batch, elapsed(), times);
      return { outputs: outputs.map((output, i) => fromModel(output, wanted[i] as ConfiguredTensor, config)) };
    } catch (error) {
      const failure = error instanceof ModelProcessError ? error.failure : 'refused';
      this.statistics.failed(failureReasons[failure], elapsed());
      throw statusOf(error, this.name);
    } finally {
      this.inFlight--;
      if (this.inFlight === 0) for (const done of this.idle.splice(0)) done();
    }
  }

  /**
   * Takes no more requests; when those in flight are done, or their time is over, the process ends and its memory is free.
   */
  async unload(timeoutMs: number): Promise<void> {
    if (this.state !== 'READY') return;
    this.state = 'UNLOADING';
    if (this.inFlight > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, timeoutMs);
        this.idle.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
    await this.stop(UNLOADED);
  }

  /** Ends the process at once. False: there was none. */
  async stop(reason: string): Promise<boolean> {
    const { process } = this;
    if (!process || this.state === 'UNAVAILABLE') return false;
    process.kill(reason);
    await process.ended;
    return true;
  }
}

const failureReasons = {
  refused: 'BACKEND',
  ended: 'BACKEND',
  'queue-full': 'REJECTED',
  cancelled: 'CANCELED',
} as const;

function statusOf(error: unknown, model: string): Error {
  if (!(error instanceof ModelProcessError)) return error instanceof Error ? error : new Error(String(error));
  if (error.failure === 'queue-full') return new StatusError(503, `${error.message} for model '${model}'`);
  if (error.failure === 'ended') return new StatusError(500, `model '${model}' failed: ${error.message}`);
  return new StatusError(500, error.message);
}

function wantedOutputs(request: InferRequest, config: ModelConfig): ConfiguredTensor[] {
  const names = new Set(request.outputs.map((output) => output.name));
  const wanted = config.outputs.filter((output) => names.size === 0 || names.has(output.name));
  return wanted.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The dimensions that a reshape's -1 stand for, in order, are those of the -1 it came from. */
function reshaped(shape: readonly number[], from: readonly number[], to: readonly number[]): number[] {
  const free = shape.filter((_, i) => from[i] === -1);
  return to.map((size) => (size === -1 ? (free.shift() ?? 1) : size));
}

function toModel(input: Tensor, config: ModelConfig, opened: OpenedModel): IndexedTensor {
  const index = opened.inputs.findIndex((own) => own.name === input.name);
  const declared = config.inputs.find((own) => own.name === input.name);
  if (!declared?.reshape) return { index, datatype: input.datatype, shape: input.shape, data: input.data };
  const skip = config.maxBatchSize > 0 ? 1 : 0;
  const shape = [...input.shape.slice(0, skip), ...reshaped(input.shape.slice(skip), declared.dims, declared.reshape)];
  return { index, datatype: input.datatype, shape, data: input.data };
}

function fromModel(output: IndexedTensor, declared: ConfiguredTensor, config: ModelConfig): Tensor {
  const datatype: Datatype = output.datatype;
  if (!declared.reshape) return { name: declared.name, datatype, shape: output.shape, data: output.data };
  const skip = config.maxBatchSize > 0 ? 1 : 0;
  const shape = [
    ...output.shape.slice(0, skip),
    ...reshaped(output.shape.slice(skip), declared.reshape, declared.dims),
  ];
  const fits = countElements(shape) === countElements(output.shape);
  return { name: declared.name, datatype, shape: fits ? shape : output.shape, data: output.data };
}
