import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { type PodTransferAction, podListing, resourcePath, resourcePathHeader } from '#contracts';
import { type ErrorCode, WatershedError } from '#errors';
import type { ServerCertificate } from '#tls';
import { readJson, TransferServer, transferTokenOf } from '#transfer';
import type { Conditions } from './engine/conditions.js';
import type { ContentAnswer, ContentBooking, ContentEngine } from './engine/content-engine.js';
import type { PodEngine } from './engine/pod-engine.js';

export const contentPath = '/v1/content';

export interface ContentServerOptions {
  readonly host: string;
  readonly port: number;
  /** It speaks HTTPS with this; HTTP when absent. */
  readonly tls?: ServerCertificate | undefined;
  readonly content: Pick<ContentEngine, 'put' | 'get'>;
  readonly pods: Pick<PodEngine, 'resources' | 'deleteResource'>;
  readonly redeem: (token: string) => { bind: ContentBooking; maxBytes: number };
  /** From a request's first byte to its last. */
  readonly bodyTimeoutMs: number;
  readonly observe: (action: string, outcome: ErrorCode | 'ok', seconds: number) => void;
  readonly onInternalError: (error: unknown) => void;
}

const statuses: Partial<Record<ErrorCode, number>> = {
  malformed_body: 400,
  invalid_request: 400,
  cursor_invalid: 400,
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

const actions: Readonly<Record<string, PodTransferAction>> = {
  PUT: 'put',
  GET: 'get',
  DELETE: 'delete',
  POST: 'list',
};

/**
 * Takes, gives, deletes and lists resources under tickets. What people named them comes in a header or a body: a bus
 * would carry it through Redis, and a URL into logs.
 */
export class ContentHttpServer {
  readonly #server: TransferServer;

  constructor(private readonly options: ContentServerOptions) {
    const { host, port, tls, bodyTimeoutMs, onInternalError } = options;
    this.#server = new TransferServer({
      host,
      port,
      tls,
      bodyTimeoutMs,
      onInternalError,
      statuses,
      handle: (request, response) => this.handle(request, response),
    });
  }

  get inFlight(): number {
    return this.#server.inFlight;
  }

  listen(): Promise<number> {
    return this.#server.listen();
  }

  drain(): Promise<void> {
    return this.#server.drain();
  }

  close(): Promise<void> {
    return this.#server.close();
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const startedAt = performance.now();
    let action = 'none';
    let outcome: ErrorCode | 'ok' = 'ok';
    try {
      if (request.url !== contentPath) throw new WatershedError('not_found', 'There is nothing here.');
      const asked = actions[request.method ?? ''];
      if (!asked) throw new WatershedError('method_not_allowed', 'Store with PUT, read with GET, delete with DELETE.');
      const { bind, maxBytes } = this.options.redeem(transferTokenOf(request));
      // A ticket used the wrong way is used up all the same.
      if (bind.action !== asked) {
        throw new WatershedError('transfer_token_invalid', 'This transfer token is for another action.');
      }
      action = asked;
      if (asked === 'put') await this.put(request, response, bind, maxBytes);
      else if (asked === 'get') await this.get(request, response, bind);
      else if (asked === 'delete') await this.remove(request, response, bind);
      else await this.list(request, response, bind, maxBytes);
    } catch (error) {
      outcome = this.#server.refuse(request, response, error);
    } finally {
      this.options.observe(action, outcome, (performance.now() - startedAt) / 1_000);
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
    const { created, resource } = await this.options.content.put(bind, pathOf(request), given);
    this.#server.send(response, created ? 201 : 200, resource, { etag: resource.etag });
  }

  private async get(request: IncomingMessage, response: ServerResponse, bind: ContentBooking): Promise<void> {
    const { range } = request.headers;
    const answer = await this.options.content.get(bind, pathOf(request), {
      ...conditionsOf(request),
      ...(range === undefined ? {} : { range }),
    });
    const headers = { ...headersOf(answer), ...this.closing() };
    if (!answer.body) {
      response.writeHead(304, headers);
      response.end();
      return;
    }
    // Bytes that are not what they were are told while that can be told: before the head goes out.
    await once(answer.body, 'readable');
    response.writeHead(answer.range ? 206 : 200, headers);
    // Those that come later end the connection in the middle: nobody takes them for whole.
    await pipeline(answer.body, response);
  }

  private async remove(request: IncomingMessage, response: ServerResponse, bind: ContentBooking): Promise<void> {
    await this.options.pods.deleteResource(bind.claims, bind.podId, pathOf(request), conditionsOf(request));
    response.writeHead(204, this.closing());
    response.end();
  }

  private async list(
    request: IncomingMessage,
    response: ServerResponse,
    bind: ContentBooking,
    maxBytes: number,
  ): Promise<void> {
    const asked = podListing.safeParse(await readJson(request, maxBytes));
    if (!asked.success)
      throw new WatershedError('invalid_request', 'Ask with prefix, cursor and limit, each as the contract has it.');
    const { prefix = '', ...page } = asked.data;
    this.#server.send(response, 200, await this.options.pods.resources(bind.claims, bind.podId, prefix, page));
  }

  private closing(): Record<string, string> {
    return this.#server.isDraining ? { connection: 'close' } : {};
  }
}

/** Throws `invalid_request`; the message repeats nothing of the path. */
function pathOf(request: IncomingMessage): string {
  const given = request.headers[resourcePathHeader];
  const parsed = resourcePath.safeParse(typeof given === 'string' ? decoded(given) : undefined);
  if (parsed.success) return parsed.data;
  throw new WatershedError('invalid_request', `${resourcePathHeader} is not the percent-encoded path of a resource.`);
}

function decoded(header: string): string | undefined {
  try {
    return decodeURIComponent(header);
  } catch {
    return undefined; // refused by the caller
  }
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
