import type { Redis } from 'ioredis';
import type { NodeId } from '#contracts';
import type { HeardAges, PresenceBoard } from './engine/index.ports.js';
import { heardKey } from './nodes.keys.js';

/** One round trip: writes whom this instance heard by Redis's own clock, drops what is too old, answers all ages. */
const exchangeScript = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
for i = 2, #ARGV, 2 do redis.call('ZADD', KEYS[1], 'GT', now - ARGV[i + 1], ARGV[i]) end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[1])
local ages = {}
local found = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
for i = 1, #found, 2 do
  ages[i] = found[i]
  ages[i + 1] = now - found[i + 1]
end
return ages`;

/** The board in Redis: a flush of it makes nodes unknown to other instances, which then know them suspect, not healthy. */
export class RedisPresenceBoard implements PresenceBoard {
  constructor(
    private readonly redis: () => Redis,
    private readonly clusterId: string,
    private readonly memoryMs: number,
  ) {}

  async exchange(heard: HeardAges): Promise<HeardAges> {
    const told = [...heard].flatMap(([nodeId, ageMs]) => [nodeId, Math.round(ageMs)]);
    const answer = await this.redis().eval(exchangeScript, 1, heardKey(this.clusterId), this.memoryMs, ...told);
    const ages = new Map<NodeId, number>();
    if (!Array.isArray(answer)) return ages;
    for (let i = 0; i + 1 < answer.length; i += 2) ages.set(String(answer[i]), Number(answer[i + 1]));
    return ages;
  }
}
