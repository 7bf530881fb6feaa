import { z } from 'zod';
import {
  ConfigError,
  type Env,
  parseEnv,
  postgresPlace,
  postgresUrl,
  redisPlace,
  redisUrl,
  type StoragePlace,
} from '#config';
import { takesConnections } from '#local-services';
import { StartError } from './start.errors.js';

const named = z.object({ DATABASE_URL: postgresUrl().optional(), REDIS_URL: redisUrl().optional() });

export interface NamedStorage {
  readonly databaseUrl?: string;
  readonly redisUrl?: string;
}

/**
 * The servers that the operator names, as clients take them. Throws StartError `usage` where one would be spoken to in
 * plain text off this machine, `service_failed` where one does not answer. Loaded only where one is named: the launcher
 * stays, and needs no schemas for the rest.
 */
export async function namedStorage(env: Env): Promise<NamedStorage> {
  const storage = judged(env);
  const { databaseUrl, redisUrl: ownRedisUrl } = storage;
  await Promise.all([
    databaseUrl && answers('DATABASE_URL', postgresPlace(databaseUrl)),
    ownRedisUrl && answers('REDIS_URL', redisPlace(ownRedisUrl)),
  ]);
  return storage;
}

function judged(env: Env): NamedStorage {
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

async function answers(variable: string, { host, port, path }: StoragePlace): Promise<void> {
  if (await takesConnections({ ...(path ? { path } : { host, port }), timeout: 5_000 })) return;
  throw new StartError('service_failed', `${variable} names ${path ?? `${host}:${port}`}, where nothing answers.`);
}
