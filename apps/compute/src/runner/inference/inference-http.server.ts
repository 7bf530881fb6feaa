import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type ErrorCode, isWatershedError, toWireError, WatershedError } from '#errors';
import type { Tracing } from '#telemetry';
import type { Admission } from './engine/admission.js';
import type { ContentIn, ContentOut } from './engine/inference.ports.js';
import type { Booking } from './engine/inference-desk.js';
import type { InferenceEngine } from './engine/inference-engine.js';

export const inferencePath = '/v1/inference';
/** Milliseconds that the caller will still wait; less than the runner's own limit counts. */
export const timeoutHeader = 'watershed-timeout-ms';

export interface InferenceServerOptions {
  readonly host: string;
  readonly port: number;
  readonly engine: Pick<InferenceEngine, 'tensors' | 'text'>;
  readonly redeem: (token: string) => { bind: Booking; maxBytes: number };
  readonly admission: Pick<Admission, 'start' | 'finish'>;
  readonly inferTimeoutMs: number;
  /** From a request's first byte to its last. */
  readonly bodyTimeoutMs: number;
  readonly observe: (outcome: ErrorCode | 'ok', seconds: number) => void;
  readonly onInternalError: (error: unknown) => void;
  readonly tracing?: Tracing;
}

/** Status by code; what is not listed is a 500. The caller is a gateway and reads the code. */
const statuses: Partial<Record<ErrorCode, number>> = {
  malformed_body: 400,
  invalid_request: 400,
  tensor_invalid: 400,
  tensor_out_of_range: 400,
  tensor_shape_mismatch: 400,
  input_too_deep: 400,
  text_invalid: 400,
  transfer_token_invalid: 401,
  not_found: 404,
  model_unknown: 404,
  method_not_allowed: 405,
  body_too_large: 413,
  unsupported_media_type: 415,
  inference_failed: 422,
  overloaded: 429,
  model_not_ready: 503,
  model_crashed: 502,
  model_server_unavailable: 503,
  shutting_down: 503,
  deadline_exceeded: 504,
};

/**
 * Takes content under tickets. Plain `node:http` beneath the Nest shell: one path, one method, raw bytes in and out, so a
 * framework would add its routing, hooks and body parsing to every inference and give nothing for it (measured: Fastify
 * with a raw body parser took an eighth more processor time a request than this).
 */
export class InferenceHttpServer {
  private readonly server: Server;
  private readonly busy = new Set<Promise<void>>();
  private draining = false;

  constructor(private readonly options: InferenceServerOptions) {
    this.server = createServer({ maxHeaderSize: 16_384, noDelay: true }, (request, response) => {
      const work = (
        options.tracing ? this.traced(options.tracing, request, response) : this.handle(request, response)
      ).finally(() => this.busy.delete(work));
      this.busy.add(work);
    });
    this.server.requestTimeout = options.bodyTimeoutMs;
    this.server.headersTimeout = Math.min(10_000, options.bodyTimeoutMs);
    this.server.keepAliveTimeout = 65_000;
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

  async close(): Promise<void> {
    await this.drain();
    this.server.closeAllConnections();
    if (!this.server.listening) return;
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }

  private traced(tracing: Tracing, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { traceparent } = request.headers;
    const parent = typeof traceparent === 'string' ? traceparent : undefined;
    return tracing.receive(parent, 'inference content', {}, () => this.handle(request, response));
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const startedAt = performance.now();
    let booking: Booking | undefined;
    let outcome: ErrorCode | 'ok' = 'ok';
    try {
      requireEndpoint(request);
      const { bind, maxBytes } = this.options.redeem(bearer(request));
      booking = bind;
      this.options.admission.start(bind.place);
      const answer = await this.run(bind, await this.content(request, bind, maxBytes));
      send(response, answer, this.draining);
    } catch (error) {
      outcome = this.refuse(request, response, error);
    } finally {
      const tookMs = performance.now() - startedAt;
      if (booking) this.options.admission.finish(booking.place, tookMs);
      this.options.observe(outcome, tookMs / 1_000);
      this.options.tracing?.annotate({ 'watershed.outcome': outcome });
    }
  }

  private run(booking: Booking, content: ContentIn): Promise<ContentOut> {
    // The caller may go away meanwhile: the model is at work all the same, and its place is taken until it is done.
    return booking.form === 'text'
      ? this.options.engine.text(booking.entry, content)
      : this.options.engine.tensors(booking.entry, content);
  }

  private async content(request: IncomingMessage, booking: Booking, maxBytes: number): Promise<ContentIn> {
    const timeoutMs = timeoutOf(request, this.options.inferTimeoutMs);
    const type = (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase();
    if (request.headers['content-encoding'] !== undefined) throw unsupported('Send the body without compression.');
    if (type === 'application/json') return { kind: 'json', body: await read(request, maxBytes), timeoutMs };
    if (type !== 'application/octet-stream' || booking.form === 'text')
      throw unsupported('Send application/json, or tensors as application/octet-stream.');
    const given = request.headers['inference-header-content-length'];
    if (typeof given !== 'string' || !/^\d{1,10}$/.test(given))
      throw new WatershedError(
        'invalid_request',
        'Inference-Header-Content-Length must be the length of the JSON header.',
      );
    const body = await read(request, maxBytes);
    const headerLength = Number(given);
    if (headerLength === 0 || headerLength > body.byteLength)
      throw new WatershedError('invalid_request', 'Inference-Header-Content-Length does not lie within the body.');
    return { kind: 'binary', body, headerLength, timeoutMs };
  }

  private refuse(request: IncomingMessage, response: ServerResponse, error: unknown): ErrorCode {
    const wire = toWireError(error);
    if (!isWatershedError(error)) this.options.onInternalError(error);
    if (response.headersSent || response.destroyed) return wire.code;
    const body = Buffer.from(JSON.stringify(wire));
    const headers: Record<string, string | number> = {
      'content-type': 'application/json',
      'content-length': body.byteLength,
    };
    if (wire.retryAfterMs !== undefined) headers['retry-after'] = Math.ceil(wire.retryAfterMs / 1_000);
    // What is left of a body that is not wanted is not read: the connection ends with the answer.
    if (!request.complete) headers.connection = 'close';
    response.writeHead(statuses[wire.code] ?? 500, headers);
    response.end(body);
    return wire.code;
  }
}

const unsupported = (message: string) => new WatershedError('unsupported_media_type', message);

function requireEndpoint(request: IncomingMessage): void {
  if (request.url !== inferencePath) throw new WatershedError('not_found', 'There is nothing here.');
  if (request.method !== 'POST') throw new WatershedError('method_not_allowed', 'Send content with POST.');
}

function bearer(request: IncomingMessage): string {
  const header = request.headers.authorization;
  if (header?.startsWith('Bearer ')) return header.slice(7);
  throw new WatershedError('transfer_token_invalid', "The transfer's token is missing.");
}

function timeoutOf(request: IncomingMessage, limitMs: number): number {
  const given = Number(request.headers[timeoutHeader] ?? limitMs);
  return Number.isFinite(given) && given > 0 ? Math.min(given, limitMs) : limitMs;
}

/** The whole body, never more than was agreed on. */
function read(request: IncomingMessage, maxBytes: number): Promise<Uint8Array> {
  const tooLarge = () =>
    new WatershedError('body_too_large', 'The body is larger than was announced.', { details: { maxBytes } });
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) return Promise.reject(tooLarge());
  return new Promise<Uint8Array>((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.byteLength;
      if (size > maxBytes) {
        request.pause();
        reject(tooLarge());
      } else chunks.push(chunk);
    });
    request.on('end', () => {
      const [only] = chunks;
      resolve(chunks.length === 1 && only ? only : Buffer.concat(chunks, size));
    });
    request.on('error', () => reject(new WatershedError('malformed_body', 'The body broke off.')));
    request.on('close', () => {
      if (!request.complete) reject(new WatershedError('malformed_body', 'The body broke off.'));
    });
  });
}

function send(response: ServerResponse, answer: ContentOut, closing: boolean): void {
  const headers: Record<string, string | number> = {
    'content-type': answer.kind === 'json' ? 'application/json' : 'application/octet-stream',
    'content-length': answer.byteLength,
  };
  if (answer.headerLength !== undefined) headers['inference-header-content-length'] = answer.headerLength;
  if (closing) headers.connection = 'close';
  response.writeHead(200, headers);
  const last = answer.chunks.length - 1;
  for (let i = 0; i < last; i++) {
    const chunk = answer.chunks[i];
    if (chunk) response.write(chunk);
  }
  response.end(answer.chunks[last]);
}
