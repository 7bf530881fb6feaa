import { z } from 'zod';
import { WatershedError } from '#errors';

/** The largest job, in bytes of JSON. Jobs carry ids: a job that needs more carries content, which belongs elsewhere. */
export const maxJobBytes = 2_048;

export interface JobBackoff {
  /** Wait before the second attempt; doubles with every further one. */
  readonly delayMs: number;
  /** Share of the wait that is left to chance, 0 to 1. */
  readonly jitter: number;
  readonly maxDelayMs: number;
}

/** One kind of job: what it carries, how often it is tried, how long it may take. Parsed at both ends. */
export interface Job<Schema extends z.ZodType = z.ZodType> {
  readonly name: string;
  readonly queue: string;
  readonly schema: Schema;
  /** Runs in all, the first one included. */
  readonly attempts: number;
  readonly backoff: JobBackoff;
  /** A run that takes longer is aborted and counts as failed. */
  readonly timeoutMs: number;
}

export type JobData<J> = J extends Job<infer Schema> ? z.output<Schema> : never;
export type JobInput<J> = J extends Job<infer Schema> ? z.input<Schema> : never;

const segment = /^[a-z0-9][a-z0-9-]{0,62}$/;

/** An entry of the catalogue. New members of a schema stay optional for one release: old jobs still lie in the queue. */
export function defineJob<Schema extends z.ZodType>(
  job: Omit<Job<Schema>, 'backoff'> & { readonly backoff?: Partial<JobBackoff> },
): Job<Schema> {
  if (!segment.test(job.name) || !segment.test(job.queue)) {
    throw new TypeError(`a job's name and queue are kebab-case: "${job.name}" in "${job.queue}"`);
  }
  if (job.attempts < 1 || job.timeoutMs < 1) throw new TypeError(`"${job.name}" must be tried, and given time`);
  return { ...job, backoff: { delayMs: 1_000, jitter: 0.5, maxDelayMs: 60_000, ...job.backoff } };
}

/** What lies in Redis: the data and the trace it belongs to. */
const envelope = z.object({ v: z.literal(1), data: z.unknown(), traceparent: z.string().max(64).optional() });

export function packJob<J extends Job>(job: J, input: JobInput<J>, traceparent: string | undefined) {
  const parsed = job.schema.safeParse(input);
  if (!parsed.success) throw new WatershedError('invalid_request', `The job "${job.name}" is not as its schema says.`);
  // What goes in is the input: the reader's schema parses it again, defaults and transformations included.
  const packed = { v: 1 as const, data: input, ...(traceparent ? { traceparent } : {}) };
  const sizeBytes = Buffer.byteLength(JSON.stringify(packed));
  if (sizeBytes > maxJobBytes) {
    throw new WatershedError('body_too_large', `The job "${job.name}" is too large: queues carry ids, never content.`, {
      details: { sizeBytes, maxBytes: maxJobBytes },
    });
  }
  return packed;
}

/** Undefined when it is none of ours, or of a version that this code does not know. */
export function unpackJob<J extends Job>(
  job: J,
  packed: unknown,
): { data: JobData<J>; traceparent?: string } | undefined {
  const opened = envelope.safeParse(packed);
  if (!opened.success) return undefined;
  const data = job.schema.safeParse(opened.data.data);
  if (!data.success) return undefined;
  const { traceparent } = opened.data;
  return { data: data.data as JobData<J>, ...(traceparent ? { traceparent } : {}) };
}

/** Milliseconds until the next attempt after `attempt` runs. */
export function backoffMs({ delayMs, jitter, maxDelayMs }: JobBackoff, attempt: number, random: () => number): number {
  const full = Math.min(maxDelayMs, delayMs * 2 ** Math.min(attempt - 1, 30));
  return Math.round(full * (1 - jitter) + random() * full * jitter);
}
