import type { TensorDatatype } from '#contracts';

/** A tensor as a server of the v2 protocol describes it: the batch dimension is part of `shape`. */
export interface TensorMetadata {
  readonly name: string;
  readonly datatype: TensorDatatype;
  /** −1 is any size. */
  readonly shape: readonly number[];
}

export interface ModelMetadata {
  readonly name: string;
  readonly versions: readonly string[];
  readonly platform: string;
  readonly inputs: readonly TensorMetadata[];
  readonly outputs: readonly TensorMetadata[];
}

export interface RepositoryEntry {
  readonly name: string;
  readonly version?: string;
  /** `READY`, `LOADING`, `UNLOADING`, `UNAVAILABLE`; absent for what was never asked for. */
  readonly state?: string;
  readonly reason?: string;
}

export interface LoadRequest {
  /** The model's config as JSON text, which then stands for config.pbtxt. */
  readonly config?: string;
  /** Files of the model, `<version>/model.onnx` → content, for a server that reads no folder of ours. */
  readonly files?: Readonly<Record<string, Uint8Array>>;
}

export interface BinaryBody {
  /** How many bytes of `body` are the JSON header; the tensors' bytes follow. */
  readonly headerLength: number;
  readonly body: Uint8Array;
}

export interface ModelStatistics {
  readonly name: string;
  readonly version: string;
  readonly inferenceCount: number;
  readonly successCount: number;
  readonly failCount: number;
}

/**
 * A server of Triton's HTTP API, whichever it is. Everything rejects with ModelServerError and within `timeoutMs`.
 * Nothing that a person sent is handed to it as it was sent: `infer` takes what our own encoder built.
 */
export interface ModelServer {
  live(): Promise<boolean>;
  ready(): Promise<boolean>;
  serverMetadata(): Promise<{ name: string; version: string; extensions: readonly string[] }>;
  modelReady(name: string, version: string): Promise<boolean>;
  metadata(name: string, version: string): Promise<ModelMetadata>;
  config(name: string): Promise<Readonly<Record<string, unknown>>>;
  index(): Promise<readonly RepositoryEntry[]>;
  load(name: string, request: LoadRequest, timeoutMs: number): Promise<void>;
  unload(name: string): Promise<void>;
  infer(name: string, version: string, request: BinaryBody, timeoutMs: number): Promise<BinaryBody>;
  /** Waits no longer for the answers of a model that hangs: its inferences under way fail as `crashed`. */
  giveUp(name: string, why: string): void;
  statistics(name: string, version: string): Promise<ModelStatistics>;
  /** Prometheus text. */
  metrics(): Promise<string>;
  close(): Promise<void>;
}

/**
 * What may be ended. A method resolves when the operating system has none of the processes any more, so that what they held
 * is free. Nothing is asked of what is ended: it may be stopped, loop in native code or be out of memory.
 */
export interface ModelProcesses {
  /**
   * Ends every process of a version by SIGKILL; the inferences in them fail as `crashed`, and the version is not ready until
   * it is unloaded and loaded. Answers whether there was one. Other versions of the same model may end with it where the
   * server's processes do not tell which is whose; another model's never do.
   */
  killModel(name: string, version: string): Promise<boolean>;
  /**
   * Ends the server and all its models' processes by SIGKILL; what is under way fails as `unreachable`, `onGone` listeners
   * are told, and it is started again as after any other death. Does nothing where there is none.
   */
  killServer(): Promise<void>;
  /**
   * The versions that have a living process, as the system sees it. There where the server's own word is not enough: a Triton
   * goes on calling a model ready whose process has died.
   */
  living?(): readonly { readonly name: string; readonly version: string }[];
}

/**
 * Where the server is, and what can be done to its processes. Three forms: the embedded server and a Triton that we started
 * are children of ours; a Triton that the operator named is not.
 */
export interface ModelServerSupervisor {
  readonly kind: 'embedded' | 'triton';
  /** Undefined while there is none: not started yet, died, or being started again. */
  url(): string | undefined;
  /** Where its Prometheus metrics are: a port of its own, as with Triton. */
  metricsUrl(): string | undefined;
  /** Starts it if it is ours and not there. Rejects with `model_server_unavailable`. */
  ensure(): Promise<string>;
  /** Calls `listener` when the server went away unasked; returns how to stop. */
  onGone(listener: () => void): () => void;
  /** Calls `listener` when a model's process has ended, where that can be heard; returns how to stop. The server's index says which. */
  onModelDied(listener: () => void): () => void;
  /** Absent where the server is not ours to kill: there a hung model ends in quarantine. */
  readonly processes?: ModelProcesses;
  close(): Promise<void>;
}

export type ModelServerFailure =
  /** The connection was refused, broke, or there is no server. Whether the request ran is unknown. */
  | 'unreachable'
  /** No answer within the deadline; the server may still be at it. */
  | 'timeout'
  /** The model's process died with this request, or had died before it. */
  | 'crashed'
  /** It knows no such model or version, or that one is not ready. */
  | 'not_ready'
  /** It has more work than it queues, or is about to end; the model is well. */
  | 'busy'
  /** It refused what we asked as wrong (4xx). */
  | 'refused'
  /** It failed (5xx) or answered what is not of the protocol. */
  | 'failed';

export class ModelServerError extends Error {
  override readonly name = 'ModelServerError';
  constructor(
    readonly failure: ModelServerFailure,
    message: string,
    options: { cause?: unknown; status?: number } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.status = options.status;
  }
  readonly status?: number;
}

export const isModelServerError = (error: unknown): error is ModelServerError =>
  error instanceof Error && error.name === 'ModelServerError';
