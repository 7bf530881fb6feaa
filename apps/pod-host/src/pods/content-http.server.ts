import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { type ErrorCode, isWatershedError, toWireError, WatershedError } from '#errors';
import type { Conditions } from './engine/conditions.js';
import type { ContentAnswer, ContentBooking, ContentEngine } from './engine/content-engine.js';

export const contentPath = '/v1/content';

export interface ContentServerOptions {
  readonly host: string;
  readonly port: number;
  readonly engine: Pick<ContentEngine, 'put' | 'get'>;
  readonly redeem: (token: string) => { bind: ContentBooking; maxBytes: number };
  /** From a request's first byte to its last. */
  readonly bodyTimeoutMs: number;
  readonly observe: (direction: string, outcome: ErrorCode | 'ok', seconds: number) => void;
  readonly onInternalError: (error: unknown) => void;
}

/** Status by code; what is not listed is a 500. The caller is a gateway and reads the code. */
const statuses: Partial<Record<ErrorCode, number>> = {
  malformed_body: 400,
  invalid_request: 400,
  transfer_token_invalid: 401,
  policy_forbids: 403,
  consent_missing: 403,
  region_unknown: 403,
  not_found: 404,
  method_not_allowed: 405,
  conflict: 412,
  body_too_large: 413,
  unsupported_media_type: 415,
  database_unavailable: 503,
  shutting_down: 503,
  storage_full: 507,
};

/** Takes and gives the bytes of resources under tickets. One path, two methods: plain `node:http` beneath the Nest shell. */
export class ContentHttpServer {
  private readonly server: Server;
  private readonly busy = new Set<Promise<void>>();
  private draining = false;

  constructor(private readonly options: ContentServerOptions) {
    this.server = createServer({ maxHeaderSize: 16_384, noDelay: true }, (request, response) => {
      const work = this.handle(request, response).finally(() => this.busy.delete(work));
      this.busy.add(work);
    });
    this.server.requestTimeout = options.bodyTimeoutMs;
    this.server.headersTimeout = Math.min(10_000, options.bodyTimeoutMs);
    this.server.keepAliveTimeout = 65_000;
  }

  get inFlight(): number {
    return this.busy.size;
  }

  /** Resolves with the port that it really got. */
  listen(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(this.options.port, this.options.host, () => {
        this.server.off('error', reject);
        resolve((this.server.address() as AddressInfo).port);
      });
    });
  }

  /** Answers what has begun; connections close as they fall idle. */
  async drain(): Promise<void> {
    this.draining = true;
    while (this.busy.size > 0) await Promise.all(this.busy);
    this.server.closeIdleConnections();
  }

  /** Ends what is still under way. */
  async close(): Promise<void> {
    this.draining = true;
    const closed = this.server.listening
      ? new Promise<void>((resolve) => this.server.close(() => resolve()))
      : Promise.resolve();
    this.server.closeAllConnections();
    await closed;
    await Promise.all(this.busy);
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const startedAt = performance.now();
    let direction = 'none';
    let outcome: ErrorCode | 'ok' = 'ok';
    try {
      if (request.url !== contentPath) throw new WatershedError('not_found', 'There is nothing here.');
      const asked = request.method === 'PUT' ? 'put' : request.method === 'GET' ? 'get' : undefined;
      if (!asked) throw new WatershedError('method_not_allowed', 'Store with PUT, read with GET.');
      const { bind, maxBytes } = this.options.redeem(bearer(request));
      // A ticket used the wrong way is used up all the same.
      if (bind.direction !== asked) {
        throw new WatershedError('transfer_token_invalid', 'This transfer token is for the other direction.');
      }
      direction = asked;
      if (asked === 'put') await this.put(request, response, bind, maxBytes);
      else await this.get(request, response, bind);
    } catch (error) {
      outcome = this.refuse(request, response, error);
    } finally {
      this.options.observe(direction, outcome, (performance.now() - startedAt) / 1_000);
    }
  }

  private async put(
    request: IncomingMessage,
    response: ServerResponse,
    bind: ContentBooking,
    maxBytes: number,
  ): Promise<void> {
    if (request.headers['content-encoding'] !== undefined) {
      throw new WatershedError('unsupported_media_type', 'Send the bytes as they are, without Content-Encoding.');
    }
    if (Number(request.headers['content-length'] ?? 0) > maxBytes) {
      throw new WatershedError('body_too_large', `This ticket takes ${maxBytes} bytes.`, { details: { maxBytes } });
    }
    const contentType = contentTypeOf(request);
    const given = { body: request, contentType, maxBytes, ...conditionsOf(request) };
    const { created, resource } = await this.options.engine.put(bind, given);
    const body = Buffer.from(JSON.stringify(resource));
    response.writeHead(created ? 201 : 200, {
      'content-type': 'application/json',
      'content-length': body.byteLength,
      etag: resource.etag,
      ...this.closing(),
    });
    response.end(body);
  }

  private async get(request: IncomingMessage, response: ServerResponse, bind: ContentBooking): Promise<void> {
    const { range } = request.headers;
    const answer = await this.options.engine.get(bind, {
      ...conditionsOf(request),
      ...(range === undefined ? {} : { range }),
    });
    const headers = { ...headersOf(answer), ...this.closing() };
    if (!answer.body) {
      response.writeHead(304, headers);
      response.end();
      return;
    }
    response.writeHead(answer.range ? 206 : 200, headers);
    // Bytes that are not what they were end the connection in the middle: nobody takes them for whole.
    await pipeline(answer.body, response);
  }

  private closing(): Record<string, string> {
    return this.draining ? { connection: 'close' } : {};
  }

  private refuse(request: IncomingMessage, response: ServerResponse, error: unknown): ErrorCode {
    const wire = toWireError(error);
    const gone = response.destroyed || request.destroyed;
    if (!isWatershedError(error) && !(gone && isPrematureClose(error))) this.options.onInternalError(error);
    if (response.headersSent || response.destroyed) {
      response.destroy();
      return wire.code;
    }
    const body = Buffer.from(JSON.stringify(wire));
    const headers: Record<string, string | number> = {
      'content-type': 'application/json',
      'content-length': body.byteLength,
      ...this.closing(),
    };
    if (wire.retryAfterMs !== undefined) headers['retry-after'] = Math.ceil(wire.retryAfterMs / 1_000);
    // What is left of a body that is not wanted is not read: the connection ends with the answer.
    if (!request.complete) headers.connection = 'close';
    response.writeHead(statuses[wire.code] ?? 500, headers);
    response.end(body);
    return wire.code;
  }
}

const isPrematureClose = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ERR_STREAM_PREMATURE_CLOSE';

function bearer(request: IncomingMessage): string {
  const header = request.headers.authorization;
  if (header?.startsWith('Bearer ')) return header.slice(7);
  throw new WatershedError('transfer_token_invalid', "The transfer's token is missing.");
}

function conditionsOf(request: IncomingMessage): Conditions {
  const { 'if-match': ifMatch, 'if-none-match': ifNoneMatch } = request.headers;
  return { ...(ifMatch === undefined ? {} : { ifMatch }), ...(ifNoneMatch === undefined ? {} : { ifNoneMatch }) };
}

const mediaType =
  /^[\w!#$&^.+-]{1,100}\/[\w!#$&^.+-]{1,100}(\s*;\s*[\w!#$&^.+-]+=("[^"\\\r\n]*"|[\w!#$&'*.^`|~+-]+))*$/;

function contentTypeOf(request: IncomingMessage): string {
  const given = request.headers['content-type']?.trim() ?? 'application/octet-stream';
  if (given.length <= 200 && mediaType.test(given)) return given;
  throw new WatershedError('invalid_request', 'Content-Type is not a media type of at most 200 characters.');
}

function headersOf({ resource, etag, range, body }: ContentAnswer): Record<string, string | number> {
  const headers: Record<string, string | number> = { etag, 'last-modified': resource.modifiedAt.toUTCString() };
  if (!body) return headers;
  headers['content-type'] = resource.contentType;
  headers['accept-ranges'] = 'bytes';
  headers['content-length'] = range ? range.last - range.first + 1 : resource.sizeBytes;
  if (range) headers['content-range'] = `bytes ${range.first}-${range.last}/${resource.sizeBytes}`;
  return headers;
}
