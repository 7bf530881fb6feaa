import createFetchClient, { type Client } from 'openapi-fetch';
import type { components, paths } from './gateway-api.js';

export type GatewayPaths = paths;
export type GatewaySchemas = components['schemas'];
export type Problem = GatewaySchemas['Problem'];

/** A refusal by the gateway (RFC 9457), or its absence. Match `code`. */
export class GatewayError extends Error {
  override readonly name = 'GatewayError';
  readonly code: Problem['code'] | 'unreachable';
  readonly status: number;
  readonly problem?: Problem;

  constructor(
    code: Problem['code'] | 'unreachable',
    status: number,
    message: string,
    options: { problem?: Problem; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.code = code;
    this.status = status;
    if (options.problem) this.problem = options.problem;
  }
}

export interface ClientOptions {
  /** `http://127.0.0.1:4100` */
  readonly url: string;
  /** An API key or a token; read anew for each request when it is a function. */
  readonly credential?: string | (() => string | undefined);
  readonly fetch?: (request: Request) => Promise<Response>;
}

export type GatewayClient = Client<paths>;

function isProblem(value: unknown): value is Problem {
  return typeof value === 'object' && value !== null && 'code' in value && 'status' in value && 'detail' in value;
}

/**
 * The gateway's API with the types of its published contract. A refusal is thrown as `GatewayError`, so that `data` of
 * what is returned is there.
 */
export function createClient({ url, credential, fetch: send = globalThis.fetch }: ClientOptions): GatewayClient {
  const reached = (request: Request) =>
    send(request).catch((cause: unknown) => {
      throw new GatewayError('unreachable', 0, `Nothing answers at ${url}.`, { cause });
    });
  const client = createFetchClient<paths>({ baseUrl: url, fetch: reached });
  client.use({
    onRequest({ request }) {
      const given = typeof credential === 'function' ? credential() : credential;
      if (given !== undefined) request.headers.set('authorization', `Bearer ${given}`);
      return request;
    },
    async onResponse({ response }) {
      if (response.ok || response.status === 304) return undefined;
      const problem: unknown = await response.json().catch(() => undefined);
      if (isProblem(problem)) throw new GatewayError(problem.code, response.status, problem.detail, { problem });
      throw new GatewayError('internal', response.status, `The gateway answered ${response.status}.`);
    },
  });
  return client;
}
