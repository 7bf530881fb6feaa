import { Logger } from '@nestjs/common';
import type { RedisOptions } from '@nestjs/microservices';
import { redisPlace } from '#config';
import type { BusLogger } from './bus.types.js';

/** So many attempts, some five seconds, come soon after one another: as long as a Redis takes that is started again. */
const eagerAttempts = 25;

/** Doubles from 50 ms to 250 ms and later to 1 s, with jitter; ioredis counts `attempt` from 1 again after every success. */
export function retryDelayMs(attempt: number): number {
  const ceiling = Math.min(attempt <= eagerAttempts ? 250 : 1_000, 50 * 2 ** Math.min(attempt - 1, 10));
  return ceiling / 2 + Math.random() * (ceiling / 2);
}

/** Options for both connections. Commands never queue in ioredis and are never sent again by it: the bus decides that. */
export function redisOptionsOf(redisUrl: string): Required<RedisOptions>['options'] {
  return {
    ...redisPlace(redisUrl),
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    maxRetriesPerRequest: 0,
    connectTimeout: 3_000,
    keepAlive: 5_000,
    noDelay: true,
    retryAttempts: Number.MAX_SAFE_INTEGER,
  };
}

/** Nest's transport classes log through Nest's own logger; this hands their lines to ours. */
class ForwardingLogger extends Logger {
  constructor(private readonly sink: BusLogger) {
    super('bus');
  }

  override log(message: unknown): void {
    this.sink.debug({}, String(message));
  }

  override debug(message: unknown): void {
    this.sink.debug({}, String(message));
  }

  override warn(message: unknown): void {
    this.sink.warn({}, String(message));
  }

  override error(message: unknown): void {
    this.sink.error(
      { reason: message instanceof Error ? message.message : String(message) },
      'The bus transport failed',
    );
  }
}

export const nestLoggerOver = (sink: BusLogger): Logger => new ForwardingLogger(sink);
