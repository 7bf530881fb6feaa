import { z } from 'zod';
import { ConfigError, type Env, parseEnv, postgresUrl, redisUrl } from '#config';
import { StartError } from './start.errors.js';

const named = z.object({ DATABASE_URL: postgresUrl().optional(), REDIS_URL: redisUrl().optional() });

export interface NamedStorage {
  readonly databaseUrl?: string;
  readonly redisUrl?: string;
}

/**
 * The servers that the operator names, as clients take them. Throws StartError `usage` where one would be spoken to in
 * plain text off this machine. Loaded only where one is named: the launcher stays, and needs no schemas for the rest.
 */
export function namedStorage(env: Env): NamedStorage {
  try {
    const { DATABASE_URL: database, REDIS_URL: redis } = parseEnv(named, env, 'start');
    return {
      ...(database ? { databaseUrl: database.reveal() } : {}),
      ...(redis ? { redisUrl: redis.reveal() } : {}),
    };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new StartError('usage', error.problems.map(({ variable, message }) => `${variable} ${message}.`).join(' '));
  }
}
