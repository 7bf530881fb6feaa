import { applyDecorators, HttpCode } from '@nestjs/common';
import {
  ApiBearerAuth,
  ApiBody,
  ApiConsumes,
  ApiHeader,
  ApiOperation,
  ApiParam,
  ApiQuery,
  ApiResponse,
  ApiSecurity,
  ApiTags,
} from '@nestjs/swagger';
import type { z } from 'zod';
import type { ErrorCode } from '#errors';
import { Needs, Open, type OpenLimit } from '../auth/access.decorators.js';
import type { Access } from '../auth/engine/scopes.js';
import { type ApiHeaderName, everyHeader, headerRefs, refusalHeaders } from './api-headers.js';
import { nameOf, refOf } from './api-schema.js';
import { problemExampleRef } from './problem.examples.js';
import { problemCatalogue } from './problem-catalogue.js';

/** Tags of the contract: the service that answers in the end. */
export type ApiTag = 'gateway' | 'compute' | 'registry' | 'toll' | 'pod-host' | 'index' | 'governance' | 'bridge';

const openLimits = { open: 'address', recovery: 'recovery', free: 'none' } as const satisfies Record<string, OpenLimit>;

interface QueryParameter {
  readonly description: string;
  readonly example?: string;
  readonly required?: boolean;
  /** A text when absent. */
  readonly schema?: {
    readonly type: 'string' | 'boolean';
    readonly enum?: string[];
    readonly default?: string | boolean;
  };
}

export interface ApiRouteOptions {
  readonly tag: ApiTag;
  readonly id: string;
  readonly summary: string;
  readonly description?: string;
  /** `open`: anyone, counted by address. `recovery`: the same, and fewer. `free`: anyone, not counted. */
  readonly access: keyof typeof openLimits | Access;
  readonly body?: { readonly schema: z.ZodType; readonly example: unknown };
  /** Media types of bodies that are not JSON; with `body`, those it may be sent as besides. */
  readonly bytes?: readonly string[];
  readonly status?: number;
  readonly response?: z.ZodType;
  /** Media types of answers that are not JSON. */
  readonly answers?: readonly string[];
  /** Statuses of success beside `status`, with what each means. */
  readonly also?: readonly { readonly status: number; readonly description: string; readonly empty?: boolean }[];
  /** Headers of a success beside those that every answer has. */
  readonly answerHeaders?: readonly ApiHeaderName[];
  readonly errors?: readonly ErrorCode[];
  readonly paged?: boolean;
  /** Takes an `Idempotency-Key`. */
  readonly once?: boolean;
  readonly params?: Readonly<Record<string, { description: string; example: string }>>;
  readonly queries?: Readonly<Record<string, QueryParameter>>;
  readonly headers?: readonly { readonly name: string; readonly description: string }[];
}

/** Everything that the contract says of a route, and who may call it, in one place. */
export function ApiRoute(options: ApiRouteOptions) {
  const { tag, id, summary, description, access, status = 200 } = options;
  const open = typeof access === 'string';
  const scope = open ? undefined : access.scope;
  const decorators = [
    open ? Open(openLimits[access]) : Needs(access),
    HttpCode(status),
    ApiTags(tag),
    ApiOperation({
      operationId: id,
      summary,
      description: [description, scope ? `Needs the scope \`${scope}\`.` : undefined].filter(Boolean).join('\n\n'),
      ...mixedBody(options),
    }),
    ...(open ? [] : [ApiSecurity('api-key'), ApiBearerAuth('bearer')]),
    ...inputs(options),
    ...successes(options, status),
    ...problems(options, open),
  ];
  return applyDecorators(...decorators);
}

const binary = { type: 'string', format: 'binary' } as const;

/** A body of several media types, each with a schema of its own, is more than `ApiBody` can say. */
function mixedBody({ body, bytes }: ApiRouteOptions) {
  if (!body || !bytes) return {};
  const content: Record<string, { schema: object; examples?: { example: { value: unknown } } }> = {
    'application/json': jsonOf(body),
    ...Object.fromEntries(bytes.map((type) => [type, { schema: binary }])),
  };
  return { requestBody: { required: true, content } };
}

function jsonOf({ schema, example }: { readonly schema: z.ZodType; readonly example: unknown }) {
  return { schema: { $ref: refOf(nameOf(schema)) }, examples: { example: { value: example } } };
}

function inputs({ body, bytes, paged, once, params, queries, headers }: ApiRouteOptions) {
  return [
    ...(body && !bytes ? [ApiBody({ required: true, ...jsonOf(body) })] : []),
    ...(bytes && !body ? [ApiConsumes(...bytes), ApiBody({ required: true, schema: binary })] : []),
    ...Object.entries(params ?? {}).map(([name, { description, example }]) =>
      ApiParam({ name, description, schema: { type: 'string', example } }),
    ),
    ...Object.entries(queries ?? {}).map(([name, { description, example, required, schema }]) =>
      ApiQuery({ name, description, required: required ?? false, schema: schema ?? { type: 'string', example } }),
    ),
    ...(headers ?? []).map(({ name, description }) => ApiHeader({ name, description, required: false })),
    ...(paged
      ? [
          ApiQuery({
            name: 'cursor',
            required: false,
            description: '`nextCursor` of the page before',
            schema: { type: 'string' },
          }),
          ApiQuery({
            name: 'limit',
            required: false,
            description: 'Items a page',
            schema: { type: 'integer', minimum: 1, maximum: 200, default: 50 },
          }),
        ]
      : []),
    ...(once
      ? [
          ApiHeader({
            name: 'Idempotency-Key',
            required: false,
            description:
              'Up to 255 visible characters of your choice. The same request again is answered by the first outcome, with ' +
              '`Idempotency-Replayed: true`; another request with it is refused.',
            schema: { type: 'string', minLength: 1, maxLength: 255, pattern: '^[\\x21-\\x7e]+$' },
          }),
        ]
      : []),
  ];
}

function successes(options: ApiRouteOptions, status: number) {
  const { response, answers = [], summary, also = [], once, access, answerHeaders = [] } = options;
  const names = [
    ...everyHeader(access !== 'free'),
    ...(once ? (['Idempotency-Replayed'] as const) : []),
    ...answerHeaders,
  ];
  const headers = headerRefs(names);
  const content = {
    ...(response ? { 'application/json': { schema: { $ref: refOf(nameOf(response)) } } } : {}),
    ...Object.fromEntries(answers.map((type) => [type, { schema: binary }])),
  };
  const filled = Object.keys(content).length > 0 ? { content } : {};
  return [
    ApiResponse({ status, description: summary, headers, ...filled }),
    ...also.map(({ status: other, description, empty }) =>
      ApiResponse({ status: other, description, headers, ...(empty ? {} : filled) }),
    ),
  ];
}

const everywhere: readonly ErrorCode[] = ['invalid_request', 'rate_limited', 'internal'];
const authenticated: readonly ErrorCode[] = [
  'unauthenticated',
  'key_unknown',
  'key_expired',
  'key_revoked',
  'token_invalid',
  'token_expired',
];

/** Of every route that asks another service or the database. */
const absences: readonly ErrorCode[] = [
  'database_unavailable',
  'bus_unavailable',
  'no_node_available',
  'node_unreachable',
  'deadline_exceeded',
];
/** Of a body before anything looks at what it says. */
const unreadable: readonly ErrorCode[] = [
  'malformed_body',
  'body_too_large',
  'unsupported_media_type',
  'deadline_exceeded',
];

/** One response a status, listing the codes that come with it. */
function problems({ errors = [], access, once, body, bytes }: ApiRouteOptions, open: boolean) {
  const codes = new Set<ErrorCode>([
    ...everywhere.filter((code) => access !== 'free' || code !== 'rate_limited'),
    ...(access === 'free' ? [] : absences),
    ...(body || bytes ? unreadable : []),
    ...(body ? ['input_too_deep' as const] : []),
    ...(open ? [] : [...authenticated, 'scope_missing' as const]),
    ...(!open && typeof access === 'object' && access.roles ? ['role_missing' as const] : []),
    ...(once ? ['idempotency_key_reused' as const, 'idempotency_in_progress' as const] : []),
    ...errors,
  ]);
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of codes) {
    const { status } = problemCatalogue[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return [...byStatus].map(([status, list]) =>
    ApiResponse({
      status,
      description: list.map((code) => `\`${code}\``).join(', '),
      headers: headerRefs(refusalHeaders(list, access !== 'free')),
      content: {
        'application/problem+json': {
          schema: { $ref: refOf('Problem') },
          examples: Object.fromEntries(list.map((code) => [code, { $ref: problemExampleRef(code) }])),
        },
      },
    }),
  );
}
