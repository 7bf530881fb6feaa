import type { FastifyInstance } from 'fastify';
import { WatershedError } from '#errors';
import type { Logger } from '#telemetry';
import type { GatewayCluster } from '../cluster/cluster.port.js';
import type { GatewayConfig } from '../config.js';
import type { FastifyReply, FastifyRequest } from '../http/request.js';
import { SharedRate } from './engine/shared-rate.js';
import { RateSettlement } from './rate-settlement.js';

type Limiter = ReturnType<FastifyInstance['createRateLimit']>;

export const RATE_LIMITS = Symbol('RATE_LIMITS');

export interface RateLimitsOptions {
  readonly instance: FastifyInstance;
  readonly rate: GatewayConfig['rate'];
  readonly cluster: GatewayCluster;
  readonly logger: Pick<Logger, 'debug'>;
}

interface Standing {
  readonly limit: number;
  readonly remaining: number;
  readonly resetMs: number;
  readonly exceeded: boolean;
}

const maxPersons = 20_000;

/**
 * Limits a person by all their keys and tokens together, and whoever is not known yet by their address. Failed
 * authentication counts against the address, or guessing would be free. The limits are the cluster's: gateways tell each
 * other what they let through of a person; of addresses, which go to nobody, each gateway lets its share through.
 */
export class RateLimits {
  private readonly persons: SharedRate;
  private readonly settlement: RateSettlement;
  private readonly perAddress: Limiter;
  private readonly recoveries: Limiter;

  constructor(private readonly options: RateLimitsOptions) {
    const { instance, rate, cluster, logger } = options;
    const timeWindow = rate.windowMs;
    this.persons = new SharedRate({
      limit: rate.perPerson,
      windowMs: timeWindow,
      maxKeys: maxPersons,
      now: () => performance.now(),
    });
    this.settlement = new RateSettlement(cluster, this.persons, logger);
    const share = (limit: number) => () => Math.ceil(limit / (1 + this.settlement.others));
    this.perAddress = instance.createRateLimit({ max: share(rate.perAddress), timeWindow });
    this.recoveries = instance.createRateLimit({ max: share(rate.recoveries), timeWindow });
  }

  /** Takes over what the other gateways have counted; once the cluster is joined, and before persons ask. */
  learn(): Promise<void> {
    return this.settlement.learn();
  }

  /** Counts the request against its person; throws `rate_limited`. */
  async person(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    if (!request.principal) return this.address(request, reply);
    const shared = this.settlement.others > 0;
    const standing = this.persons.count(request.principal.personId, shared);
    if (shared) this.settlement.soon();
    this.judge(reply, { limit: this.options.rate.perPerson, ...standing });
  }

  /** Counts the request against its address; throws `rate_limited`. */
  address(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    return this.count(this.perAddress, request, reply);
  }

  /** Counts an attempt to get an account back against its address; throws `rate_limited`. */
  recovery(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    return this.count(this.recoveries, request, reply);
  }

  private async count(limiter: Limiter, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const counted = await limiter(request);
    if (counted.isAllowed) return;
    const { max: limit, remaining, ttl: resetMs, isExceeded: exceeded } = counted;
    this.judge(reply, { limit, remaining, resetMs, exceeded });
  }

  private judge(reply: FastifyReply, { limit, remaining, resetMs, exceeded }: Standing): void {
    reply.header('ratelimit-limit', limit);
    reply.header('ratelimit-remaining', remaining);
    reply.header('ratelimit-reset', Math.ceil(resetMs / 1_000));
    if (!exceeded) return;
    throw new WatershedError('rate_limited', `More than ${limit} requests in the window. Wait before the next.`, {
      retryAfterMs: Math.ceil(resetMs),
      details: { limit },
    });
  }
}
