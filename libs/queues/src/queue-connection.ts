import type { Redis } from 'ioredis';
import { redisPlace } from '#config';

export interface QueueSettings {
  readonly redisUrl: string;
  readonly clusterId: string;
  /** Whose queues: apps share no queue, only a Redis. */
  readonly app: string;
}

/** The braces keep all keys of an app's queues in one slot of a Redis cluster. */
export const queuePrefix = ({ clusterId, app }: Pick<QueueSettings, 'clusterId' | 'app'>): string =>
  `{${clusterId}:${app}}`;

/**
 * A connection that waits for Redis instead of failing commands, as BullMQ's blocking reads need. Loaded when the first
 * queue is opened, as BullMQ is: an app that uses none does not pay for them.
 */
export async function connectQueues(redisUrl: string, waitForRedis: boolean): Promise<Redis> {
  const { Redis: Client } = await import('ioredis');
  const redis = new Client({
    ...redisPlace(redisUrl),
    maxRetriesPerRequest: waitForRedis ? null : 3,
    enableOfflineQueue: true,
    retryStrategy: (times) => Math.min(50 * 2 ** Math.min(times, 6), 2_000),
  });
  // Told through the commands that fail, and by BullMQ's own events.
  redis.on('error', () => undefined);
  return redis;
}
