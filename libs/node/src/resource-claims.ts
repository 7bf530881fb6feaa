import type { Redis } from 'ioredis';
import type { NodeId } from '#contracts';

// Taken, or renewed by who has it; answers who has it now.
const takeScript = `
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return holder end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return ARGV[1]`;
const releaseScript = `if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0`;

/** Claims of nodes on things that serve one of them at a time. The index keeps them: runners have no key in Redis. */
export class ResourceClaims {
  constructor(
    private readonly redis: () => Pick<Redis, 'eval'>,
    private readonly clusterId: string,
  ) {}

  /** Takes or renews it for `ttlMs`; answers who holds it then. */
  async take(resource: string, nodeId: NodeId, ttlMs: number): Promise<NodeId> {
    return String(await this.redis().eval(takeScript, 1, this.key(resource), nodeId, ttlMs));
  }

  /** Lets it go where this node holds it. */
  async release(resource: string, nodeId: NodeId): Promise<void> {
    await this.redis().eval(releaseScript, 1, this.key(resource), nodeId);
  }

  private key(resource: string): string {
    return `${this.clusterId}:index:claim:${resource}`;
  }
}
