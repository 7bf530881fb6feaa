import type { FastifyInstance } from 'fastify';
import { WatershedError } from '#errors';
import type { GatewayConfig } from '../config.js';
import type { FastifyReply, FastifyRequest } from '../http/request.js';

type Limiter = ReturnType<FastifyInstance['createRateLimit']>;

export const RATE_LIMITS = Symbol('RATE_LIMITS');

/**
 * Limits a person by all their keys and tokens together, and whoever is not known yet by their address. Failed
 * authentication counts against the address, or guessing would be free. Counted in this process: with several gateways
 * a person has the limit at each.
 */
export class RateLimits {
  private readonly perPerson: Limiter;
  private readonly perAddress: Limiter;
  private readonly recoveries: Limiter;

  constructor(instance: FastifyInstance, rate: GatewayConfig['rate']) {
    const timeWindow = rate.windowMs;
    this.perPerson = instance.createRateLimit({
      max: rate.perPerson,
      timeWindow,
      keyGenerator: (request: FastifyRequest) => request.principal?.personId ?? request.ip,
    });
    this.perAddress = instance.createRateLimit({ max: rate.perAddress, timeWindow });
    this.recoveries = instance.createRateLimit({ max: rate.recoveries, timeWindow });
  }

  /** Counts the request against its person; throws `rate_limited`. */
  person(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    return this.count(this.perPerson, request, reply);
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
    reply.header('ratelimit-limit', counted.max);
    reply.header('ratelimit-remaining', counted.remaining);
    reply.header('ratelimit-reset', counted.ttlInSeconds);
    if (!counted.isExceeded) return;
    throw new WatershedError('rate_limited', `More than ${counted.max} requests in the window. Wait before the next.`, {
      retryAfterMs: counted.ttl,
      details: { limit: counted.max },
    });
  }
}
