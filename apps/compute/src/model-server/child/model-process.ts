import { type ChildProcess, spawn } from 'node:child_process';
import type { Duplex } from 'node:stream';
import type { ModelInterface } from '../config/model-config.js';
import {
  CHANNEL_DESCRIPTOR,
  decodeTensors,
  encodeFrame,
  encodeLoad,
  encodeTensors,
  type Frame,
  FrameKind,
  FrameReader,
  type IndexedTensor,
} from './frames.js';
import type { OrphanGuard } from './orphan-guard.js';

/** What the process found when it opened the model, and the memory it then held, in bytes. */
export interface OpenedModel extends ModelInterface {
  readonly memoryBytes: number;
}

/** Times of one request, in nanoseconds. */
export interface InferTimes {
  readonly queueNs: number;
  readonly inputNs: number;
  readonly inferNs: number;
  readonly outputNs: number;
}

export interface InferOutcome {
  readonly outputs: readonly IndexedTensor[];
  readonly times: InferTimes;
}

export type ModelFailure = 'refused' | 'ended' | 'queue-full' | 'cancelled';

/** `refused`: the model answered with an error; `ended`: its process is gone; `queue-full`: try later; `cancelled`. */
export class ModelProcessError extends Error {
  override readonly name = 'ModelProcessError';

  constructor(
    readonly failure: ModelFailure,
    message: string,
  ) {
    super(message);
  }
}

export interface ModelProcessOptions {
  /** The built entry of the process. */
  readonly entry: string;
  /** What a list of processes shows of it: the model's name and version. */
  readonly title: readonly string[];
  readonly model: { readonly path: string } | { readonly bytes: Uint8Array };
  readonly threads: number;
  readonly loadTimeoutMs: number;
  readonly maxQueue: number;
  readonly maxQueueBytes: number;
  readonly guard: OrphanGuard;
}

interface Pending {
  readonly id: number;
  readonly pieces: readonly Uint8Array[];
  readonly bytes: number;
  readonly startedNs: bigint;
  readonly resolve: (outcome: InferOutcome) => void;
  readonly reject: (error: Error) => void;
}

/** So much is on its way to the process at once; the rest waits here, where it can still be cancelled. */
const WINDOW_REQUESTS = 64;
const WINDOW_BYTES = 4_194_304;

/** The parent's end of one model's process. */
export class ModelProcess {
  readonly opened: Promise<OpenedModel>;
  /** Resolves with why, once the process is gone. */
  readonly ended: Promise<string>;
  private readonly child: ChildProcess;
  private readonly channel: Duplex;
  private readonly sent = new Map<number, Pending>();
  private waiting: Pending[] = [];
  private nextId = 1;
  private sentBytes = 0;
  private waitingBytes = 0;
  private endedBecause: string | undefined;
  private killedBecause: string | undefined;
  private settleOpened: { resolve: (model: OpenedModel) => void; reject: (error: Error) => void } | undefined;

  constructor(private readonly options: ModelProcessOptions) {
    // Small heaps, one helper thread and one malloc arena: most of what is left is the runtime's library, which is shared.
    const flags = ['--max-semi-space-size=1', '--v8-pool-size=1', '--disable-warning=ExperimentalWarning'];
    this.child = spawn(process.execPath, [...flags, options.entry, ...options.title], {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
      env: { MALLOC_ARENA_MAX: '1', UV_THREADPOOL_SIZE: '1' },
    });
    this.channel = this.child.stdio[CHANNEL_DESCRIPTOR] as Duplex;
    this.opened = new Promise((resolve, reject) => {
      this.settleOpened = { resolve, reject };
    });
    this.opened.catch(() => undefined);
    const unguard = this.child.pid === undefined ? undefined : options.guard.guard(this.child.pid);
    this.ended = new Promise((resolve) => {
      const gone = (why: string) => {
        unguard?.();
        this.failAll(why);
        resolve(this.endedBecause ?? why);
      };
      this.child.once('error', (error) => gone(`the model's process did not start: ${error.message}`));
      this.child.once('exit', (code, signal) =>
        gone(this.killedBecause ?? `the model's process ended (${signal ?? `exit ${code}`})`),
      );
    });
    const reader = new FrameReader((frame) => this.receive(frame));
    this.channel.on('data', (chunk: Buffer) => reader.push(chunk));
    // Most often because it has just ended, and then its end says why.
    this.channel.on('error', () => this.child.kill('SIGKILL'));
    this.open();
  }

  get pid(): number | undefined {
    return this.child.pid;
  }

  /** Requests accepted and not yet answered. */
  get pending(): number {
    return this.sent.size + this.waiting.length;
  }

  private open(): void {
    const { model, threads, loadTimeoutMs } = this.options;
    const order = 'path' in model ? { path: model.path, threads } : { threads };
    this.write(FrameKind.load, 0, encodeLoad(order, 'bytes' in model ? model.bytes : undefined));
    const timer = setTimeout(() => this.kill(`the model did not load within ${loadTimeoutMs} ms`), loadTimeoutMs);
    this.opened.then(
      () => clearTimeout(timer),
      () => clearTimeout(timer),
    );
  }

  /** Ends the process at once, whatever it does; requests in it fail with `ended`. */
  kill(why: string): void {
    this.killedBecause ??= why;
    this.child.kill('SIGKILL');
  }

  /**
   * Runs the model. `wanted` are the places of the outputs in the model's list. Aborting takes a request out that waits;
   * one that runs is not stopped, as ONNX Runtime cannot be.
   */
  infer(inputs: readonly IndexedTensor[], wanted: readonly number[], signal?: AbortSignal): Promise<InferOutcome> {
    if (this.endedBecause !== undefined) return Promise.reject(new ModelProcessError('ended', this.endedBecause));
    const pieces = encodeTensors(inputs, wanted);
    let bytes = 0;
    for (const piece of pieces) bytes += piece.byteLength;
    const { maxQueue, maxQueueBytes } = this.options;
    if (this.waiting.length >= maxQueue || (this.waiting.length > 0 && this.waitingBytes + bytes > maxQueueBytes)) {
      return Promise.reject(new ModelProcessError('queue-full', 'Exceeds maximum queue size'));
    }
    return new Promise((resolve, reject) => {
      const id = this.nextId;
      this.nextId = id === 0xffff_ffff ? 1 : id + 1;
      const pending: Pending = { id, pieces, bytes, startedNs: process.hrtime.bigint(), resolve, reject };
      if (this.hasRoom(bytes) && this.waiting.length === 0) return this.dispatch(pending);
      this.waiting.push(pending);
      this.waitingBytes += bytes;
      signal?.addEventListener('abort', () => this.cancel(pending), { once: true });
    });
  }

  private hasRoom(bytes: number): boolean {
    return this.sent.size === 0 || (this.sent.size < WINDOW_REQUESTS && this.sentBytes + bytes <= WINDOW_BYTES);
  }

  private dispatch(pending: Pending): void {
    this.sent.set(pending.id, pending);
    this.sentBytes += pending.bytes;
    this.write(FrameKind.infer, pending.id, pending.pieces);
  }

  private cancel(pending: Pending): void {
    const at = this.waiting.indexOf(pending);
    if (at === -1) return;
    this.waiting.splice(at, 1);
    this.waitingBytes -= pending.bytes;
    pending.reject(new ModelProcessError('cancelled', 'the request was given up while it waited'));
  }

  private write(kind: number, id: number, pieces: readonly Uint8Array[]): void {
    for (const piece of encodeFrame(kind, id, pieces)) this.channel.write(piece);
  }

  private receive(frame: Frame): void {
    if (frame.kind === FrameKind.loaded) {
      this.settleOpened?.resolve(JSON.parse(frame.payload.toString('utf8')) as OpenedModel);
    } else if (frame.kind === FrameKind.loadFailed) {
      this.settleOpened?.reject(new ModelProcessError('refused', messageOf(frame)));
    } else this.answer(frame);
  }

  private answer(frame: Frame): void {
    const pending = this.sent.get(frame.id);
    if (!pending) return;
    this.sent.delete(frame.id);
    this.sentBytes -= pending.bytes;
    if (frame.kind === FrameKind.result) {
      const { tensors, numbers } = decodeTensors(frame.payload);
      const [inputNs = 0, inferNs = 0, outputNs = 0] = numbers;
      const totalNs = Number(process.hrtime.bigint() - pending.startedNs);
      const queueNs = Math.max(0, totalNs - inputNs - inferNs - outputNs);
      pending.resolve({ outputs: tensors, times: { queueNs, inputNs, inferNs, outputNs } });
    } else pending.reject(new ModelProcessError('refused', messageOf(frame)));
    this.refill();
  }

  private refill(): void {
    let taken = 0;
    for (const pending of this.waiting) {
      if (!this.hasRoom(pending.bytes)) break;
      taken++;
      this.waitingBytes -= pending.bytes;
      this.dispatch(pending);
    }
    if (taken > 0) this.waiting = this.waiting.slice(taken);
  }

  private failAll(why: string): void {
    if (this.endedBecause !== undefined) return;
    this.endedBecause = why;
    const error = new ModelProcessError('ended', why);
    this.settleOpened?.reject(error);
    for (const pending of [...this.sent.values(), ...this.waiting]) pending.reject(error);
    this.sent.clear();
    this.waiting = [];
    this.channel.destroy();
  }
}

const messageOf = (frame: Frame): string => {
  const { message } = JSON.parse(frame.payload.toString('utf8')) as { message: string };
  return message;
};
