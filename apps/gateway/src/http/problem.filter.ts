import { type ArgumentsHost, Catch, type ExceptionFilter } from '@nestjs/common';
import { isWatershedError } from '#errors';
import type { Logger } from '#telemetry';
import { localRoute } from '../inference/engine/route-header.js';
import { type Problem, problemMediaType, problemOf } from './problem.js';
import type { FastifyReply, FastifyRequest } from './request.js';

/** The one place where errors become HTTP (RFC 9457). Nothing but code and message of our own refusals gets out. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(private readonly logger: Logger) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    sendProblem(error, http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>(), this.logger);
  }
}

export function sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply, logger: Logger): void {
  const problem = problemOf(error, request.id);
  if (problem.status >= 500) {
    const fields = { requestId: request.id, code: problem.code, route: request.routeOptions.url };
    // A balancer asks every second; what it is told is no event.
    if (fields.route === '/health/ready') logger.debug(fields, 'not ready');
    else if (isWatershedError(error) && problem.code !== 'internal')
      logger.warn(fields, 'a request was refused by the cluster');
    else logger.error({ ...fields, err: error }, 'a request failed');
  }
  if (reply.sent || reply.raw.headersSent) {
    // The head is out: cutting the connection is the only way left to say that the answer is not whole.
    reply.raw.destroy();
    return;
  }
  // Refused before any hook ran, an answer has neither of these yet.
  reply.header('watershed-request-id', request.id);
  reply.header('watershed-route', localRoute);
  if (problem.status === 401) reply.header('www-authenticate', 'Bearer realm="watershed"');
  if (problem.retryAfterMs !== undefined)
    reply.header('retry-after', Math.max(1, Math.ceil(problem.retryAfterMs / 1000)));
  // The rest of a body that was refused half-read must not be taken for the next request.
  if (!request.raw.complete) reply.header('connection', 'close');
  reply
    .status(problem.status)
    .type(problemMediaType)
    .send(JSON.stringify(forClientsOf(request.url, problem)));
}

/** Clients of the Open Inference Protocol read `error` and nothing else. */
function forClientsOf(url: string, problem: Problem): object {
  return url.startsWith('/v2') ? { ...problem, error: problem.detail } : problem;
}
