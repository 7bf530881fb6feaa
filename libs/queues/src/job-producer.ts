import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { WatershedError } from '#errors';
import { currentTraceparent } from '#telemetry';
import { type Job, type JobInput, packJob } from './job.js';
import { connectQueues, type QueueSettings, queuePrefix } from './queue-connection.js';

export interface AddOptions {
  /** The same id again, while the job waits, runs or has ended within the hour, adds nothing. `[A-Za-z0-9_-]`, not a number. */
  readonly jobId: string;
  readonly delayMs?: number;
  /** 1 comes first; absent comes before all with a priority. */
  readonly priority?: number;
}

const jobIdForm = /^(?!\d+$)[A-Za-z0-9_-]{1,128}$/;
// As long as a caller may still repeat itself; then the queue forgets, and the database must know.
const keepCompletedSeconds = 3_600;
const keepFailedSeconds = 86_400;

/** Puts jobs of the catalogue into an app's queues. */
export class JobProducer {
  readonly #settings: QueueSettings;
  readonly #queues = new Map<string, Promise<Queue>>();
  #connection: Promise<Redis> | undefined;
  #closed = false;

  constructor(settings: QueueSettings) {
    this.#settings = settings;
  }

  /** Resolves when Redis has the job. Throws `invalid_request`, `body_too_large`, `bus_unavailable`. */
  async add<J extends Job>(job: J, input: JobInput<J>, options: AddOptions): Promise<void> {
    if (this.#closed) throw new WatershedError('shutting_down', 'This service is stopping.');
    if (!jobIdForm.test(options.jobId))
      throw new WatershedError('invalid_request', 'A job id is [A-Za-z0-9_-]{1,128}, and no number.');
    const packed = packJob(job, input, currentTraceparent());
    const queue = await this.#queue(job.queue);
    try {
      await queue.add(job.name, packed, {
        jobId: options.jobId,
        attempts: job.attempts,
        backoff: { type: 'watershed' },
        removeOnComplete: { age: keepCompletedSeconds },
        removeOnFail: { age: keepFailedSeconds },
        ...(options.delayMs === undefined ? {} : { delay: options.delayMs }),
        ...(options.priority === undefined ? {} : { priority: options.priority }),
      });
    } catch (cause) {
      throw new WatershedError('bus_unavailable', 'The job could not be queued: Redis cannot be reached.', {
        retryAfterMs: 1_000,
        cause,
      });
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    const queues = await Promise.all(this.#queues.values());
    await Promise.all(queues.map((queue) => queue.close()));
    (await this.#connection)?.disconnect();
  }

  #queue(name: string): Promise<Queue> {
    const known = this.#queues.get(name);
    if (known) return known;
    const made = this.#open(name);
    this.#queues.set(name, made);
    return made;
  }

  async #open(name: string): Promise<Queue> {
    this.#connection ??= connectQueues(this.#settings.redisUrl, false);
    const [{ Queue: BullQueue }, connection] = await Promise.all([import('bullmq'), this.#connection]);
    const queue = new BullQueue(name, { connection, prefix: queuePrefix(this.#settings), skipVersionCheck: true });
    queue.on('error', () => undefined);
    return queue;
  }
}
