import { type ArgumentsHost, Catch, type ExceptionFilter, Inject } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type ErrorCode, toWireError } from '#errors';
import type { Logger } from '#telemetry';

export const TRANSFER_LOGGER = Symbol('transfer logger');

/** Statuses of what a transfer can be refused for; anything else is a failure of ours. */
const statuses: Partial<Record<ErrorCode, number>> = {
  malformed_body: 400,
  invalid_request: 400,
  transfer_token_invalid: 403,
  blob_unknown: 404,
  deadline_exceeded: 408,
  conflict: 409,
  body_too_large: 413,
  digest_mismatch: 422,
  database_unavailable: 503,
  shutting_down: 503,
  storage_full: 507,
};

/** A refusal of a transfer: `{code, message, details?, retryAfterMs?}`. */
@Catch()
export class TransferFilter implements ExceptionFilter {
  constructor(@Inject(TRANSFER_LOGGER) private readonly logger: Logger) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const reply = http.getResponse<FastifyReply>();
    const wire = toWireError(error);
    const status = statuses[wire.code] ?? 500;
    if (status === 500) this.logger.error({ err: error }, 'a transfer failed');
    // The sender may still be sending: what is left is dropped, and the connection with it.
    if (!http.getRequest<FastifyRequest>().raw.complete) void reply.header('connection', 'close');
    void reply.code(status).header('content-type', 'application/json').send(JSON.stringify(wire));
  }
}
