import { z } from 'zod';
import { uuid } from '#contracts';
import { toWireError } from '#errors';
import { defineJob, handleJob, JobProducer, JobWorker } from '#queues';
import type { Logger, Metrics } from '#telemetry';
import type { AdvanceQueue } from './engine/placement.ports.js';

/** Somebody should look at this placement. The row says what is to be done, if anything. */
export const placementAdvance = defineJob({
  name: 'placement-advance',
  queue: 'placements',
  schema: z.object({ placementId: uuid, epoch: z.number().int().positive() }),
  attempts: 5,
  backoff: { delayMs: 500, maxDelayMs: 10_000 },
  // Longer than one advance takes: a run that is still there then hangs.
  timeoutMs: 60_000,
});

export interface PlacementProcessorOptions {
  readonly redisUrl: string;
  readonly clusterId: string;
  readonly concurrency: number;
  /** Asked for again within so long, it is the same job. */
  readonly sameWithinMs: number;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/**
 * The queue edge. A job that is lost, run twice or run late does no harm; a queue that cannot be reached only delays,
 * because the reconciler asks again.
 */
export class PlacementProcessor implements AdvanceQueue {
  private readonly producer: JobProducer;
  private worker: JobWorker | undefined;
  private closing: Promise<void> | undefined;

  constructor(private readonly options: PlacementProcessorOptions) {
    const { redisUrl, clusterId } = options;
    this.producer = new JobProducer({ redisUrl, clusterId, app: 'compute' });
  }

  async enqueue(placementId: string, epoch: number): Promise<void> {
    const { logger, sameWithinMs } = this.options;
    const period = Math.floor(Date.now() / sameWithinMs);
    try {
      await this.producer.add(placementAdvance, { placementId, epoch }, { jobId: `${placementId}-${epoch}-${period}` });
    } catch (error) {
      logger.warn({ placementId, code: toWireError(error).code }, 'a placement waits for the reconciler');
    }
  }

  async start(advance: (placementId: string) => Promise<'done' | 'again'>): Promise<void> {
    const { redisUrl, clusterId, concurrency, logger, metrics } = this.options;
    const jobs = metrics.counter('orchestrator_placement_jobs_total', 'Jobs by outcome', ['outcome']);
    this.worker = new JobWorker({
      redisUrl,
      clusterId,
      app: 'compute',
      queue: placementAdvance.queue,
      concurrency,
      handlers: [
        handleJob(placementAdvance, async ({ placementId }) => {
          jobs.inc({ outcome: await advance(placementId) });
        }),
      ],
      onFailure: (failure) => {
        jobs.inc({ outcome: failure.code });
        logger.warn({ ...failure }, 'a placement was not brought forward');
      },
    });
    await this.worker.start();
  }

  /** Lets jobs under way end; safe to call twice. */
  close(): Promise<void> {
    this.closing ??= this.end();
    return this.closing;
  }

  private async end(): Promise<void> {
    await this.worker?.close();
    await this.producer.close();
  }
}
