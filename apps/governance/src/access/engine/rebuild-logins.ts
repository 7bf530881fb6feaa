import type { NodeLogin } from '#access';
import type { AccessRecord, AccessStore, DatabaseLogins, RedisLogins } from './access.ports.js';

/** Where it is written down who may log in, and where the logins are. */
export interface LoginPlaces {
  readonly store: AccessStore;
  readonly redis: RedisLogins;
  readonly database: DatabaseLogins;
}

export const loginIn = ({ nodeId, services, redisPasswordSha256 }: AccessRecord): NodeLogin => ({
  nodeId,
  services,
  passwordSha256: redisPasswordSha256,
});

/** The users in Redis as Postgres says; logins that should be shut are shut, for a dump may have brought them back. */
export async function rebuildLogins({ store, redis, database }: LoginPlaces): Promise<void> {
  const records = await store.records();
  if (redis.unmanaged === undefined) {
    await redis.rebuild(records.filter(({ state }) => state === 'active').map(loginIn));
  }
  for (const { state, databaseLogin } of records) {
    if (state === 'revoked' && databaseLogin) await database.close(databaseLogin);
  }
}

/**
 * How many nodes that may log in have no Redis user of their own; all of them, and one at least, where this cluster's Redis
 * login may not manage users. Throws where Redis or Postgres cannot be asked.
 */
export async function missingRedisLogins({ store, redis }: Pick<LoginPlaces, 'store' | 'redis'>): Promise<number> {
  const active = (await store.records()).filter(({ state }) => state === 'active');
  const there = new Set(await redis.present());
  if (redis.unmanaged !== undefined) return Math.max(1, active.length);
  return active.filter(({ nodeId }) => !there.has(nodeId)).length;
}
