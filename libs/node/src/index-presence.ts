import type { Redis } from 'ioredis';
import type { NodeId } from '#contracts';

/** Sorted set that all nodes may read: the ids of index instances, scored by when (Redis's clock, ms) they expire. */
export const indexPresenceKey = (clusterId: string): string => `${clusterId}:index:instances`;

const announceScript = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return now`;

/** Says that this index instance can be asked for the next `ttlMs`. */
export async function announceIndex(redis: Redis, clusterId: string, nodeId: NodeId, ttlMs: number): Promise<void> {
  await redis.eval(announceScript, 1, indexPresenceKey(clusterId), nodeId, ttlMs);
}

export async function retractIndex(redis: Redis, clusterId: string, nodeId: NodeId): Promise<void> {
  await redis.zrem(indexPresenceKey(clusterId), nodeId);
}

/** Index instances that can be asked now, in random order. */
export async function findIndexes(redis: Redis, clusterId: string): Promise<NodeId[]> {
  const [seconds] = await redis.time();
  const found = await redis.zrangebyscore(indexPresenceKey(clusterId), Number(seconds) * 1_000, '+inf');
  return found
    .map((id) => ({ id, order: Math.random() }))
    .sort((a, b) => a.order - b.order)
    .map(({ id }) => id);
}
