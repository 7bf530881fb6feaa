import { createHash } from 'node:crypto';
import { WatershedError } from '#errors';

/** Where this runner claims what serves one node at a time; the index keeps it, for a runner has no key in Redis. */
export interface ClaimsPort {
  /** Takes or renews; answers who holds it then. */
  take(resource: string, ttlMs: number): Promise<string>;
  release(resource: string): Promise<void>;
}

export interface TritonClaimOptions {
  readonly claims: ClaimsPort;
  readonly nodeId: string;
  readonly url: string;
  /** Renewed at a third of it; so long after a runner's end by force may another take its Triton. */
  readonly ttlMs?: number;
  readonly logger: { error(fields: object, message: string): void; warn(fields: object, message: string): void };
}

/**
 * That a named Triton serves this runner alone: two would unload each other's models. A Triton is known by its address as
 * the settings spell it, so two spellings of one are not found out.
 */
export class TritonClaim {
  private timer: NodeJS.Timeout | undefined;

  private constructor(
    private readonly options: TritonClaimOptions,
    private readonly resource: string,
    private readonly ttlMs: number,
  ) {}

  /** Throws `conflict` while another runner has it. */
  static async take(options: TritonClaimOptions): Promise<TritonClaim> {
    const { url, nodeId, ttlMs = 15_000 } = options;
    const id = createHash('sha256').update(new URL(url).origin).digest('base64url');
    const claim = new TritonClaim(options, `triton-${id}`, ttlMs);
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
    const { claims, logger } = this.options;
    await claims.release(this.resource).catch((error: unknown) => {
      logger.warn({ err: error }, 'the claim on the Triton runs out by itself');
    });
  }

  private claim(): Promise<string> {
    return this.options.claims.take(this.resource, this.ttlMs);
  }

  private async renew(): Promise<void> {
    const { nodeId, logger } = this.options;
    try {
      const holder = await this.claim();
      // The index was out of this runner's reach for longer than the claim lasts. Which of the two is meant, only the operator knows.
      if (holder !== nodeId) logger.error({ node: holder }, 'another runner has taken the Triton of this one');
    } catch (error) {
      logger.warn({ err: error }, 'the claim on the Triton was not renewed');
    }
  }
}
