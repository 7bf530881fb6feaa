import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { type ErrorCode, toWireError, WatershedError } from '#errors';

/** Statuses of what this app can refuse; anything else is a failure of ours. */
const statuses: Partial<Record<ErrorCode, number>> = {
  invalid_request: 400,
  not_found: 404,
  conflict: 503,
  database_unavailable: 503,
  storage_full: 503,
  shutting_down: 503,
};

/** RFC 9457 for whatever goes wrong; nothing but code and message of our own refusals gets out. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  catch(error: unknown, host: ArgumentsHost): void {
    const { code, message, retryAfterMs } = toWireError(refusalBehind(error));
    const status = statuses[code] ?? 500;
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    if (retryAfterMs !== undefined) void reply.header('retry-after', String(Math.ceil(retryAfterMs / 1000)));
    void reply
      .code(status)
      .header('content-type', 'application/problem+json')
      .send(JSON.stringify({ type: 'about:blank', title: code.replaceAll('_', ' '), status, detail: message, code }));
  }
}

/** What Nest and Fastify refuse by themselves, in our words. */
function refusalBehind(error: unknown): unknown {
  const status = error instanceof HttpException ? error.getStatus() : undefined;
  if (status === 404)
    return new WatershedError('not_found', 'Nothing is here. See /.well-known/watershed/descriptor.json.');
  if (status !== undefined && status < 500) return new WatershedError('invalid_request', 'The request is not valid.');
  return error;
}
