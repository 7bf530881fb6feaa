import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';
import { WatershedError } from '#errors';

export interface TritonClaimOptions {
  readonly redis: Pick<Redis, 'eval'>;
  readonly clusterId: string;
  readonly nodeId: string;
  readonly url: string;
  /** Renewed at a third of it; so long after a runner's end by force may another take its Triton. */
  readonly ttlMs?: number;
  readonly logger: { error(fields: object, message: string): void; warn(fields: object, message: string): void };
}

// Taken, or renewed by who has it; answers who has it now.
const claimScript = `
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return holder end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return ARGV[1]`;
const releaseScript = `if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0`;

/**
 * That a named Triton serves this runner alone: two would unload each other's models. A Triton is known by its address as
 * the settings spell it, so two spellings of one are not found out.
 */
export class TritonClaim {
  private timer: NodeJS.Timeout | undefined;

  private constructor(
    private readonly options: TritonClaimOptions,
    private readonly key: string,
    private readonly ttlMs: number,
  ) {}

  /** Throws `conflict` while another runner has it. */
  static async take(options: TritonClaimOptions): Promise<TritonClaim> {
    const { clusterId, url, nodeId, ttlMs = 15_000 } = options;
    const id = createHash('sha256').update(new URL(url).origin).digest('base64url');
    const claim = new TritonClaim(options, `${clusterId}:runner:triton:${id}`, ttlMs);
    const holder = await claim.claim();
    if (holder !== nodeId)
      throw new WatershedError('conflict', 'This Triton serves another runner. Give each runner one of its own.', {
        details: { reason: 'triton_taken', nodeId: holder },
      });
    claim.timer = setInterval(() => void claim.renew(), ttlMs / 3);
    claim.timer.unref();
    return claim;
  }

  /** Another runner may have it from now on. Best effort: silence says it too. */
  async release(): Promise<void> {
    clearInterval(this.timer);
    const { redis, nodeId, logger } = this.options;
    await redis.eval(releaseScript, 1, this.key, nodeId).catch((error: unknown) => {
      logger.warn({ err: error }, 'the claim on the Triton runs out by itself');
    });
  }

  private async claim(): Promise<string> {
    return String(await this.options.redis.eval(claimScript, 1, this.key, this.options.nodeId, this.ttlMs));
  }

  private async renew(): Promise<void> {
    const { nodeId, logger } = this.options;
    try {
      const holder = await this.claim();
      // Redis was out of this runner's reach for longer than the claim lasts. Which of the two is meant, only the operator knows.
      if (holder !== nodeId) logger.error({ node: holder }, 'another runner has taken the Triton of this one');
    } catch (error) {
      logger.warn({ err: error }, 'the claim on the Triton was not renewed');
    }
  }
}
