import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Principal } from '../auth/engine/principal.js';

/** How a route takes its body: parsed JSON by default, all bytes of any type, or the stream itself. */
export type BodyKind = 'json' | 'bytes' | 'stream';

declare module 'fastify' {
  interface FastifyContextConfig {
    body?: BodyKind;
  }
  interface FastifyRequest {
    /** Set by the access guard; absent on open routes. */
    principal?: Principal;
    /** The body as it came, where an Idempotency-Key asks for its hash. */
    rawBody?: Uint8Array;
  }
}

export type { FastifyReply, FastifyRequest };

/** The authenticated caller. Only on routes that are not open. */
export const Who = createParamDecorator((_data: unknown, context: ExecutionContext): Principal => {
  const { principal } = context.switchToHttp().getRequest<FastifyRequest>();
  if (!principal) throw new Error('an open route asked who calls');
  return principal;
});
