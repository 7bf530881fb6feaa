import type { IncomingMessage, ServerResponse } from 'node:http';
import { type ErrorCode, isWatershedError, toWireError, WatershedError } from '#errors';
import type { Tracing } from '#telemetry';
import type { ServerCertificate } from '#tls';
import { contentBatchSuffix, contentBatchType, TransferServer, timeoutHeader, transferTokenOf } from '#transfer';
import { BatchAnswers, eachContent } from './content-batch.js';
import type { Admission, Place } from './engine/admission.js';
import type { ContentIn, ContentOut } from './engine/inference.ports.js';
import type { Booking } from './engine/inference-desk.js';
import type { InferenceEngine } from './engine/inference-engine.js';

export const inferencePath = '/v1/inference';
const batchPath = `${inferencePath}${contentBatchSuffix}`;

export interface InferenceServerOptions {
  readonly host: string;
  readonly port: number;
  /** It speaks HTTPS with this; HTTP when absent. */
  readonly tls?: ServerCertificate | undefined;
  readonly engine: Pick<InferenceEngine, 'tensors' | 'text'>;
  readonly redeem: (token: string) => { bind: Booking; maxBytes: number };
  readonly admission: Pick<Admission, 'reserve' | 'start' | 'finish'>;
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
 * Takes content under tickets, one by one or many at once. Plain `node:http` beneath the Nest shell: one path, one method,
 * raw bytes in and out, so a framework would add its routing, hooks and body parsing to every inference and give nothing
 * for it (measured: Fastify with a raw body parser took an eighth more processor time a request than this).
 */
export class InferenceHttpServer {
  private readonly server: TransferServer;

  constructor(private readonly options: InferenceServerOptions) {
    const { host, port, tls, bodyTimeoutMs, onInternalError, tracing } = options;
    this.server = new TransferServer({
      host,
      port,
      tls,
      bodyTimeoutMs,
      onInternalError,
      statuses,
      handle: (request, response) =>
        tracing ? this.traced(tracing, request, response) : this.handle(request, response),
    });
  }

  /** Resolves with the port that it really got. */
  listen(): Promise<number> {
    return this.server.listen();
  }

  /** Answers what has begun; connections close as they fall idle. */
  drain(): Promise<void> {
    return this.server.drain();
  }

  /** Answers what has begun: the model is at work on it, and it is metered. */
  async close(): Promise<void> {
    await this.server.drain();
    await this.server.close();
  }

  private traced(tracing: Tracing, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { traceparent } = request.headers;
    const parent = typeof traceparent === 'string' ? traceparent : undefined;
    return tracing.receive(parent, 'inference content', {}, () => this.handle(request, response));
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const many = endpointOf(request) === 'batch';
      const timeoutMs = timeoutOf(request, this.options.inferTimeoutMs);
      if (many) return await this.batch(request, response, timeoutMs);
      const token = transferTokenOf(request);
      const outcome = await this.infer(token, (booking, maxBytes) => contentOf(request, booking, maxBytes, timeoutMs));
      if ('answer' in outcome) send(response, outcome.answer, this.server.isDraining);
      else this.server.refuse(request, response, outcome.error);
    } catch (error) {
      this.server.refuse(request, response, error);
    }
  }

  /** Each content is its own inference: one that is refused or slow holds up no other. */
  private async batch(request: IncomingMessage, response: ServerResponse, timeoutMs: number): Promise<void> {
    if (request.headers['content-type'] !== contentBatchType) throw unsupported(`Send ${contentBatchType}.`);
    const answers = new BatchAnswers(response, this.server.isDraining);
    await eachContent(request, async ({ id, token, kind, headerLength, body }) => {
      const outcome = await this.infer(token, (booking, maxBytes) => {
        if (body.byteLength > maxBytes) throw tooLarge(maxBytes);
        return contentIn(booking, kind, body, headerLength, timeoutMs);
      });
      if ('answer' in outcome) answers.add(id, outcome.answer);
      else this.refuseOne(answers, id, outcome.error);
    });
    answers.end();
  }

  /** One inference from its token to its answer, with its place in the admission. */
  private async infer(
    token: string,
    content: (booking: Booking, maxBytes: number) => Promise<ContentIn> | ContentIn,
  ): Promise<{ answer: ContentOut } | { error: unknown }> {
    const { admission, engine, observe } = this.options;
    const startedAt = performance.now();
    let place: Place | undefined;
    let code: ErrorCode | 'ok' = 'ok';
    try {
      const { bind, maxBytes } = this.options.redeem(token);
      place = bind.place ?? admission.reserve(maxBytes);
      admission.start(place);
      const given = await content(bind, maxBytes);
      // The caller may go away meanwhile: the model is at work all the same, and its place is taken until it is done.
      const answer = await (bind.form === 'text' ? engine.text(bind.entry, given) : engine.tensors(bind.entry, given));
      return { answer };
    } catch (error) {
      code = toWireError(error).code;
      return { error };
    } finally {
      const tookMs = performance.now() - startedAt;
      if (place) admission.finish(place, tookMs);
      observe(code, tookMs / 1_000);
      this.options.tracing?.annotate({ 'watershed.outcome': code });
    }
  }

  private refuseOne(answers: BatchAnswers, id: number, error: unknown): void {
    if (!isWatershedError(error)) this.options.onInternalError(error);
    const refusal = toWireError(error);
    answers.refuse(id, statuses[refusal.code] ?? 500, refusal);
  }
}

function contentIn(
  booking: Booking,
  kind: 'json' | 'binary',
  body: Uint8Array,
  headerLength: number | undefined,
  timeoutMs: number,
): ContentIn {
  if (kind === 'json') return { kind, body, timeoutMs };
  if (booking.form === 'text') throw unsupported('A text is sent as application/json.');
  if (headerLength === undefined || headerLength > body.byteLength)
    throw new WatershedError('invalid_request', 'Inference-Header-Content-Length does not lie within the body.');
  return { kind, body, headerLength, timeoutMs };
}

async function contentOf(
  request: IncomingMessage,
  booking: Booking,
  maxBytes: number,
  timeoutMs: number,
): Promise<ContentIn> {
  const type = (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase();
  if (request.headers['content-encoding'] !== undefined) throw unsupported('Send the body without compression.');
  if (type === 'application/json')
    return contentIn(booking, 'json', await read(request, maxBytes), undefined, timeoutMs);
  if (type !== 'application/octet-stream' || booking.form === 'text')
    throw unsupported('Send application/json, or tensors as application/octet-stream.');
  const given = request.headers['inference-header-content-length'];
  if (typeof given !== 'string' || !/^\d{1,10}$/.test(given))
    throw new WatershedError(
      'invalid_request',
      'Inference-Header-Content-Length must be the length of the JSON header.',
    );
  const body = await read(request, maxBytes);
  return contentIn(booking, 'binary', body, Number(given) || undefined, timeoutMs);
}

const tooLarge = (maxBytes: number) =>
  new WatershedError('body_too_large', 'The body is larger than was announced.', { details: { maxBytes } });
const unsupported = (message: string) => new WatershedError('unsupported_media_type', message);

function endpointOf({ url, method }: IncomingMessage): 'one' | 'batch' {
  if (url !== inferencePath && url !== batchPath) throw new WatershedError('not_found', 'There is nothing here.');
  if (method !== 'POST') throw new WatershedError('method_not_allowed', 'Send content with POST.');
  return url === batchPath ? 'batch' : 'one';
}

function timeoutOf(request: IncomingMessage, limitMs: number): number {
  const given = Number(request.headers[timeoutHeader] ?? limitMs);
  return Number.isFinite(given) && given > 0 ? Math.min(given, limitMs) : limitMs;
}

/** The whole body, never more than was agreed on. */
function read(request: IncomingMessage, maxBytes: number): Promise<Uint8Array> {
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) return Promise.reject(tooLarge(maxBytes));
  return new Promise<Uint8Array>((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.byteLength;
      if (size > maxBytes) {
        request.pause();
        reject(tooLarge(maxBytes));
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
