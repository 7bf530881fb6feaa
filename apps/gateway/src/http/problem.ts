import { randomUUID } from 'node:crypto';
import { HttpException } from '@nestjs/common';
import { type ErrorCode, isWatershedError, toWireError, WatershedError } from '#errors';
import { problemCatalogue, problemType } from './problem-catalogue.js';

/** RFC 9457. `code` is what clients match on; `instance` names this one occurrence, as the log does. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ErrorCode;
  readonly instance: string;
  readonly details?: WatershedError['details'];
  readonly retryAfterMs?: number;
}

export const problemMediaType = 'application/problem+json';

/** Any error as a problem. What is not ours says nothing of itself. */
export function problemOf(error: unknown, requestId: string): Problem {
  const wire = toWireError(refusalBehind(error));
  const kind = Object.hasOwn(problemCatalogue, wire.code) ? problemCatalogue[wire.code] : problemCatalogue.internal;
  return {
    type: problemType(wire.code),
    title: kind.title,
    status: kind.status,
    detail: wire.message,
    code: wire.code,
    instance: `urn:uuid:${requestId}`,
    ...(wire.details ? { details: wire.details } : {}),
    ...(wire.retryAfterMs === undefined ? {} : { retryAfterMs: Math.ceil(wire.retryAfterMs) }),
  };
}

export const newRequestId = (): string => randomUUID();

/** What Fastify and Nest refuse by themselves, in our words. */
const frameworkCodes: Record<string, readonly [ErrorCode, string]> = {
  FST_ERR_CTP_BODY_TOO_LARGE: ['body_too_large', 'The body is larger than this route takes.'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ['unsupported_media_type', 'Send application/json.'],
  FST_ERR_CTP_EMPTY_JSON_BODY: ['malformed_body', 'The body is empty; send a JSON object.'],
  FST_ERR_CTP_INVALID_JSON_BODY: ['malformed_body', 'The body is not JSON.'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ['malformed_body', 'The body is not as long as Content-Length says.'],
  FST_ERR_BAD_URL: ['invalid_request', 'The path is not a valid URL path.'],
  FST_ERR_MAX_PARAM_LENGTH: ['not_found', 'A segment of the path is too long to name anything.'],
  ECONNRESET: ['malformed_body', 'The request ended before its body did.'],
};

const statusCodes: Record<number, ErrorCode> = {
  400: 'invalid_request',
  404: 'not_found',
  405: 'method_not_allowed',
  408: 'deadline_exceeded',
  413: 'body_too_large',
  414: 'invalid_request',
  415: 'unsupported_media_type',
  429: 'rate_limited',
  431: 'invalid_request',
  503: 'shutting_down',
};

function refusalBehind(error: unknown): unknown {
  if (isWatershedError(error) || typeof error !== 'object' || error === null) return error;
  const code = 'code' in error && typeof error.code === 'string' ? frameworkCodes[error.code] : undefined;
  if (code) return new WatershedError(code[0], code[1], { cause: error });
  const status = error instanceof HttpException ? error.getStatus() : statusOf(error);
  const byStatus = status === undefined ? undefined : statusCodes[status];
  if (byStatus)
    return new WatershedError(byStatus, 'The request was refused before it reached a service.', { cause: error });
  return error;
}

function statusOf(error: object): number | undefined {
  return 'statusCode' in error && typeof error.statusCode === 'number' ? error.statusCode : undefined;
}
