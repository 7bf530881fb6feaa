import type { Job as BullJob, Worker } from 'bullmq';
import { toWireError, WatershedError } from '#errors';
import { runWithTraceparent } from '#telemetry';
import { backoffMs, type Job, type JobData, unpackJob } from './job.js';
import { connectQueues, type QueueSettings, queuePrefix } from './queue-connection.js';

export interface JobRun {
  readonly jobId: string;
  /** 1 for the first. A run after a worker's death counts as none: the handler must be safe to repeat. */
  readonly attempt: number;
  /** Aborts at the job's timeout, and when the worker must close without waiting longer. */
  readonly signal: AbortSignal;
}

export interface JobHandler<J extends Job = Job> {
  readonly job: J;
  readonly run: (data: JobData<J>, run: JobRun) => Promise<void>;
}

/** Ties a job to its handler, keeping the types of both. */
export function handleJob<J extends Job>(job: J, run: JobHandler<J>['run']): JobHandler {
  return { job, run: (data, context) => run(data as JobData<J>, context) };
}

export interface JobFailure {
  readonly job: string;
  readonly jobId: string;
  readonly attempt: number;
  readonly code: string;
  /** Whether it is tried again. */
  readonly final: boolean;
}

export interface JobWorkerOptions extends QueueSettings {
  readonly queue: string;
  readonly handlers: readonly JobHandler[];
  /** Jobs side by side (4). */
  readonly concurrency?: number;
  /** How long a job is held without a sign of life (30 s), and how often dead holders are looked for. */
  readonly lockMs?: number;
  /** Told of every failed run, without the job's data. */
  readonly onFailure?: (failure: JobFailure) => void;
  readonly random?: () => number;
}

/** Runs the jobs of one queue. A job whose worker dies is run once more by another, then it is failed. */
export class JobWorker {
  readonly #options: JobWorkerOptions;
  readonly #handlers: ReadonlyMap<string, JobHandler>;
  readonly #stopping = new AbortController();
  #worker: Promise<Worker> | undefined;

  constructor(options: JobWorkerOptions) {
    this.#options = options;
    this.#handlers = new Map(options.handlers.map((handler) => [handler.job.name, handler]));
    for (const { job } of options.handlers) {
      if (job.queue !== options.queue)
        throw new TypeError(`"${job.name}" is not a job of the queue "${options.queue}"`);
    }
  }

  async start(): Promise<void> {
    this.#worker ??= this.#open();
    await (await this.#worker).waitUntilReady();
  }

  /** Takes nothing new and lets runs in hand end, for `timeoutMs` at most; then they are aborted and given back. */
  async close({ timeoutMs = 10_000 }: { readonly timeoutMs?: number } = {}): Promise<void> {
    const worker = await this.#worker;
    if (!worker) return;
    const late = setTimeout(
      () => this.#stopping.abort(new WatershedError('shutting_down', 'This service is stopping.')),
      timeoutMs,
    );
    await worker.close();
    clearTimeout(late);
  }

  async #open(): Promise<Worker> {
    const { queue, concurrency = 4, lockMs = 30_000, redisUrl, random = Math.random } = this.#options;
    const [bull, connection] = await Promise.all([import('bullmq'), connectQueues(redisUrl, true)]);
    const worker = new bull.Worker(queue, (job) => this.#run(job, bull.UnrecoverableError), {
      connection,
      prefix: queuePrefix(this.#options),
      concurrency,
      lockDuration: lockMs,
      stalledInterval: lockMs,
      maxStalledCount: 1,
      skipVersionCheck: true,
      settings: {
        backoffStrategy: (attempts, _type, _error, job) => {
          const known = this.#handlers.get(job?.name ?? '');
          return known ? backoffMs(known.job.backoff, attempts, random) : 1_000;
        },
      },
    });
    worker.on('error', () => undefined);
    worker.on('closed', () => connection.disconnect());
    worker.on('failed', (job, error) => this.#tell(job, error));
    return worker;
  }

  async #run(packed: BullJob, Unrecoverable: new (message: string) => Error): Promise<void> {
    const handler = this.#handlers.get(packed.name);
    const opened = handler && unpackJob(handler.job, packed.data);
    // Trying again cannot mend it; it stays among the failed for an operator to see.
    if (!handler || !opened) throw new Unrecoverable('invalid_request');
    const timeout = AbortSignal.timeout(handler.job.timeoutMs);
    const signal = AbortSignal.any([timeout, this.#stopping.signal]);
    const run = () => handler.run(opened.data, { jobId: packed.id ?? '', attempt: packed.attemptsMade + 1, signal });
    const work = opened.traceparent ? runWithTraceparent(opened.traceparent, run) : run();
    await orAborted(work, signal, () =>
      timeout.aborted
        ? new WatershedError('deadline_exceeded', `The job took longer than ${handler.job.timeoutMs} ms.`)
        : new WatershedError('shutting_down', 'This service is stopping.'),
    ).catch((error: unknown) => {
      // What lies in Redis of a failure is its code: messages and stacks may hold what people sent.
      throw new CodedFailure(toWireError(error).code);
    });
  }

  #tell(job: BullJob | undefined, error: Error): void {
    if (!job) return;
    this.#options.onFailure?.({
      job: job.name,
      jobId: job.id ?? '',
      attempt: job.attemptsMade,
      code: error.message,
      final: job.finishedOn !== undefined,
    });
  }
}

/** Its message is a code; it has no stack. */
class CodedFailure extends Error {
  constructor(code: string) {
    super(code);
    this.stack = code;
  }
}

async function orAborted(work: Promise<void>, signal: AbortSignal, reason: () => Error): Promise<void> {
  let stop: () => void = () => undefined;
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(reason());
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
  });
  try {
    await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
