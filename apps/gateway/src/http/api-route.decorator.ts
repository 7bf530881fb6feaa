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
import { nameOf, refOf } from './api-schema.js';
import { problemExampleRef } from './problem.examples.js';
import { problemCatalogue } from './problem-catalogue.js';

/** Tags of the contract: the service that answers in the end. */
export type ApiTag = 'gateway' | 'compute' | 'registry' | 'toll' | 'pod-host' | 'index' | 'governance' | 'bridge';

const openLimits = { open: 'address', recovery: 'recovery', free: 'none' } as const satisfies Record<string, OpenLimit>;

export interface ApiRouteOptions {
  readonly tag: ApiTag;
  readonly id: string;
  readonly summary: string;
  readonly description?: string;
  /** `open`: anyone, counted by address. `recovery`: the same, and fewer. `free`: anyone, not counted. */
  readonly access: keyof typeof openLimits | Access;
  readonly body?: { readonly schema: z.ZodType; readonly example: unknown };
  /** Bodies that are not JSON. */
  readonly bytes?: readonly string[];
  readonly status?: number;
  readonly response?: z.ZodType;
  /** Media type of an answer that is not JSON. */
  readonly answers?: string;
  readonly errors?: readonly ErrorCode[];
  readonly paged?: boolean;
  /** Takes an `Idempotency-Key`. */
  readonly once?: boolean;
  readonly params?: Readonly<Record<string, { description: string; example: string }>>;
  readonly queries?: Readonly<Record<string, { description: string; example?: string; required?: boolean }>>;
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
    }),
    ...(open ? [] : [ApiSecurity('api-key'), ApiBearerAuth('bearer')]),
    ...inputs(options),
    success(options, status),
    ...problems(options, open),
  ];
  return applyDecorators(...decorators);
}

function inputs({ body, bytes, paged, once, params, queries, headers }: ApiRouteOptions) {
  return [
    ...(body
      ? [
          ApiBody({
            required: true,
            schema: { $ref: refOf(nameOf(body.schema)) },
            examples: { example: { value: body.example } },
          }),
        ]
      : []),
    ...(bytes
      ? [ApiConsumes(...bytes), ApiBody({ required: true, schema: { type: 'string', format: 'binary' } })]
      : []),
    ...Object.entries(params ?? {}).map(([name, { description, example }]) =>
      ApiParam({ name, description, schema: { type: 'string', example } }),
    ),
    ...Object.entries(queries ?? {}).map(([name, { description, example, required }]) =>
      ApiQuery({ name, description, required: required ?? false, schema: { type: 'string', example } }),
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
              'Up to 255 visible characters of your choice. The same request again is answered by the first outcome.',
          }),
        ]
      : []),
  ];
}

function success({ response, answers, summary }: ApiRouteOptions, status: number) {
  const headers = {
    'Watershed-Route': { description: 'How the request was routed', schema: { type: 'string' as const } },
    'Watershed-Request-Id': { description: 'Names this request in the log', schema: { type: 'string' as const } },
  };
  if (response) {
    const content = { 'application/json': { schema: { $ref: refOf(nameOf(response)) } } };
    return ApiResponse({ status, description: summary, headers, content });
  }
  if (answers) {
    return ApiResponse({
      status,
      description: summary,
      headers,
      content: { [answers]: { schema: { type: 'string', format: 'binary' } } },
    });
  }
  return ApiResponse({ status, description: summary, headers });
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

/** One response a status, listing the codes that come with it. */
function problems({ errors = [], access, once }: ApiRouteOptions, open: boolean) {
  const codes = new Set<ErrorCode>([
    ...everywhere,
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
      content: {
        'application/problem+json': {
          schema: { $ref: refOf('Problem') },
          examples: Object.fromEntries(list.map((code) => [code, { $ref: problemExampleRef(code) }])),
        },
      },
    }),
  );
}
