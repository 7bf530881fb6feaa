import type { ErrorCode } from '#errors';
import { problemCatalogue } from './problem-catalogue.js';

/** Every header of our own that an answer may carry, as the contract describes it. */
const described = {
  'Watershed-Route': {
    description: '`local`, then for an inference `; node=…; region=…; model=…; version=…`',
    type: 'string',
  },
  'Watershed-Request-Id': {
    description: 'Names this request in the log; a problem has it as `instance`',
    type: 'string',
  },
  'Watershed-Cost-Micro': { description: 'What was charged, in millionths of the asset', type: 'string' },
  'Idempotency-Replayed': { description: '`true`: this is the outcome of an earlier request', type: 'string' },
  'Inference-Header-Content-Length': {
    description: 'Bytes of the JSON head; the binary tensors follow it',
    type: 'integer',
  },
  'RateLimit-Limit': { description: 'Requests a window', type: 'integer' },
  'RateLimit-Remaining': { description: 'Requests left in this window', type: 'integer' },
  'RateLimit-Reset': { description: 'Seconds until the next window', type: 'integer' },
  'Retry-After': { description: 'Seconds to wait; `retryAfterMs` of the problem says it finer', type: 'integer' },
  'WWW-Authenticate': { description: '`Bearer realm="watershed"`', type: 'string' },
  ETag: { description: 'Names this content of the resource; for If-Match and If-None-Match', type: 'string' },
  'Last-Modified': { description: 'When the resource was stored', type: 'string' },
  'Content-Range': { description: '`bytes <from>-<to>/<size>` of the resource', type: 'string' },
  'Content-Security-Policy': { description: 'Keeps a browser from running what was stored', type: 'string' },
} as const;

export type ApiHeaderName = keyof typeof described;

/** `components.headers` of the contract. */
export const apiHeaders = (): Record<string, object> =>
  Object.fromEntries(
    Object.entries(described).map(([name, { description, type }]) => [name, { description, schema: { type } }]),
  );

export function headerRefs(names: readonly ApiHeaderName[]): Record<string, { $ref: string }> {
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));
}

const always: readonly ApiHeaderName[] = ['Watershed-Route', 'Watershed-Request-Id'];
const counted: readonly ApiHeaderName[] = ['RateLimit-Limit', 'RateLimit-Remaining', 'RateLimit-Reset'];

/** On every answer of a route; `isCounted`: against a person or an address. */
export const everyHeader = (isCounted: boolean): readonly ApiHeaderName[] => [...always, ...(isCounted ? counted : [])];

/** What may pass by itself says when to come again. */
const passing = new Set([409, 429, 503, 504, 507]);

/** On a refusal with one of these codes, which share a status. */
export function refusalHeaders(codes: readonly ErrorCode[], isCounted: boolean): readonly ApiHeaderName[] {
  const statuses = codes.map((code) => problemCatalogue[code].status);
  return [
    ...everyHeader(isCounted),
    ...(statuses.includes(401) ? (['WWW-Authenticate'] as const) : []),
    ...(statuses.some((status) => passing.has(status)) ? (['Retry-After'] as const) : []),
  ];
}
