import type { Readable } from 'node:stream';
import { type Dispatcher, Pool } from 'undici';
import { InternalNetwork } from '#config';
import type { TransferTicket } from '#contracts';
import { isWatershedError, WatershedError } from '#errors';
import { type Tracing, traceHeaders } from '#telemetry';
import { pinnedConnector, UnexpectedCertificateError } from '#tls';

export interface TransferRequest {
  readonly method?: 'POST' | 'PUT' | 'GET' | 'DELETE';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array | Readable;
  readonly signal?: AbortSignal;
  /** From the call to the last byte of the answer's head; the body may take as long again. 10 s when absent. */
  readonly timeoutMs?: number;
}

export interface TransferResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Must be read to its end or destroyed, or its connection stays taken. */
  readonly body: Readable;
}

/** A small answer, read whole. */
export interface TransferExchange {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

export interface TransferClientOptions {
  /** Open connections to one node at most. */
  readonly connectionsPerOrigin?: number;
  /** Nodes whose pools are kept; the one unused longest is closed first. */
  readonly maxOrigins?: number;
  /** Where content may travel in plain text; on this machine alone when absent. */
  readonly network?: InternalNetwork;
  /**
   * The fingerprint of the certificate that this origin must show (`https:` alone), asked for at each transfer; undefined: it
   * is not spoken to.
   */
  readonly certificateOf?: (origin: string) => string | undefined;
  /** Records transfers as spans, and tells the receiver by `traceparent` which trace it works for. */
  readonly tracing?: Tracing;
}

interface KeptPool {
  readonly pool: Pool;
  /** The fingerprint that its connections were judged by. */
  readonly certificate: string | undefined;
}

interface ExchangeRequest {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  readonly timeoutMs: number;
  readonly maxAnswerBytes: number;
}

/**
 * Sends content to the node that a ticket names, over connections that stay open. One a process, injected, closed by
 * who made it. Never follows a redirect: a ticket's URL is where the content may go, and nowhere else. Off this machine
 * and the internal network it speaks TLS to the certificate that the node's manifest names, and to no other.
 */
export class TransferClient {
  private readonly pools = new Map<string, KeptPool>();
  private readonly connections: number;
  private readonly maxOrigins: number;
  private readonly tracing: Tracing | undefined;
  private readonly network: InternalNetwork;
  private readonly certificateOf: (origin: string) => string | undefined;
  private closed = false;

  constructor(options: TransferClientOptions = {}) {
    this.connections = options.connectionsPerOrigin ?? 32;
    this.maxOrigins = options.maxOrigins ?? 64;
    this.tracing = options.tracing;
    this.network = options.network ?? new InternalNetwork();
    this.certificateOf = options.certificateOf ?? (() => undefined);
  }

  /**
   * Errors: `body_too_large` (a body of known size beyond the ticket), `node_unreachable` (nobody there),
   * `deadline_exceeded`, `shutting_down` once this client is closed; when `signal` aborts, its reason.
   */
  transfer(ticket: TransferTicket, request: TransferRequest = {}): Promise<TransferResponse> {
    const { tracing } = this;
    if (!tracing) return this.transferNow(ticket, request);
    return tracing.span('content transfer', 'client', { 'http.request.method': request.method ?? 'POST' }, () =>
      this.transferNow(ticket, { ...request, headers: { ...request.headers, ...traceHeaders() } }),
    );
  }

  private async transferNow(ticket: TransferTicket, request: TransferRequest): Promise<TransferResponse> {
    if (this.closed) throw stopping();
    const { body } = request;
    const size = typeof body === 'string' ? Buffer.byteLength(body) : body instanceof Uint8Array ? body.byteLength : 0;
    if (size > ticket.maxBytes) {
      throw tooLarge(size, ticket.maxBytes);
    }
    const url = new URL(ticket.url);
    const timeoutMs = request.timeoutMs ?? 10_000;
    const timer = new AbortController();
    const timeout = setTimeout(() => timer.abort(), timeoutMs);
    const signal = request.signal ? AbortSignal.any([request.signal, timer.signal]) : timer.signal;
    try {
      const answer = await this.poolOf(url).request({
        path: url.pathname + url.search,
        method: request.method ?? 'POST',
        headers: { ...request.headers, authorization: `Bearer ${ticket.token}` },
        body: body ?? null,
        signal,
        headersTimeout: timeoutMs,
        bodyTimeout: timeoutMs,
      });
      return { status: answer.statusCode, headers: answer.headers, body: answer.body };
    } catch (error) {
      throw this.mapped(error, request.signal, timer.signal, timeoutMs);
    } finally {
      clearTimeout(timeout);
    }
  }

  /**
   * Bytes there and bytes back, both held in memory: the hot path of small requests, without a stream on either side
   * (it costs half of what `transfer` does). Errors as `transfer`, and `body_too_large` when the answer passes
   * `maxAnswerBytes`.
   */
  exchange(ticket: TransferTicket, request: ExchangeRequest): Promise<TransferExchange> {
    const { tracing } = this;
    if (!tracing) return this.exchangeNow(ticket, request);
    return tracing.span('content exchange', 'client', { 'http.request.method': 'POST' }, () =>
      this.exchangeNow(ticket, { ...request, headers: { ...request.headers, ...traceHeaders() } }),
    );
  }

  private exchangeNow(ticket: TransferTicket, request: ExchangeRequest): Promise<TransferExchange> {
    const { body, timeoutMs, maxAnswerBytes } = request;
    if (body.byteLength > ticket.maxBytes) return Promise.reject(tooLarge(body.byteLength, ticket.maxBytes));
    const headers = { ...request.headers, authorization: `Bearer ${ticket.token}` };
    let status = 0;
    let answerHeaders: TransferExchange['headers'] = {};
    const chunks: Buffer[] = [];
    let size = 0;
    const answer = {
      head: (statusCode: number, responseHeaders: TransferExchange['headers']) => {
        status = statusCode;
        answerHeaders = responseHeaders;
      },
      data: (chunk: Buffer) => {
        size += chunk.byteLength;
        if (size > maxAnswerBytes) throw tooLarge(size, maxAnswerBytes);
        chunks.push(chunk);
      },
    };
    return this.streamed(new URL(ticket.url), { headers, body, timeoutMs }, answer).then(() => {
      const [only] = chunks;
      return { status, headers: answerHeaders, body: chunks.length === 1 && only ? only : Buffer.concat(chunks, size) };
    });
  }

  /**
   * Bytes there, and the answer handed on as it comes; resolves at its end. What `answer` throws ends the exchange and is
   * its error. Errors: `node_unreachable`, `deadline_exceeded` when the end has not come within `timeoutMs`,
   * `shutting_down` once this client is closed.
   */
  streamed(
    url: URL,
    request: {
      readonly headers: Readonly<Record<string, string>>;
      readonly body: Uint8Array;
      readonly timeoutMs: number;
    },
    answer: {
      head(status: number, headers: TransferExchange['headers']): void;
      data(chunk: Buffer): void;
    },
  ): Promise<void> {
    const { headers, body, timeoutMs } = request;
    // A pool that is made now would be closed by nobody.
    if (this.closed) return Promise.reject(stopping());
    return new Promise<void>((resolve, reject) => {
      const pool = this.poolOf(url);
      let controller: Dispatcher.DispatchController | undefined;
      let late = false;
      const timer = setTimeout(() => {
        late = true;
        reject(answeredLate(timeoutMs));
        controller?.abort(new Error('late'));
      }, timeoutMs);
      pool.dispatch(
        { path: url.pathname + url.search, method: 'POST', headers, body, headersTimeout: 0, bodyTimeout: 0 },
        {
          onRequestStart: (started) => {
            controller = started;
            if (late) started.abort(new Error('late'));
          },
          onResponseStart: (_, statusCode, responseHeaders) => answer.head(statusCode, responseHeaders),
          onResponseData: (running, chunk) => {
            try {
              answer.data(chunk);
            } catch (error) {
              clearTimeout(timer);
              reject(error);
              running.abort(new Error('the answer is not wanted'));
            }
          },
          onResponseEnd: () => {
            clearTimeout(timer);
            resolve();
          },
          onResponseError: (_, error) => {
            clearTimeout(timer);
            reject(nodeUnreachable(error));
          },
        },
      );
    });
  }

  /** Ends idle connections now and busy ones when their answers are read. */
  async close(): Promise<void> {
    this.closed = true;
    const pools = [...this.pools.values()];
    this.pools.clear();
    await Promise.all(pools.map(({ pool }) => pool.close()));
  }

  private mapped(error: unknown, caller: AbortSignal | undefined, timer: AbortSignal, timeoutMs: number): unknown {
    if (caller?.aborted) return caller.reason;
    if (isWatershedError(error)) return error;
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (timer.aborted || code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT') {
      return answeredLate(timeoutMs, error);
    }
    return nodeUnreachable(error);
  }

  /** Throws `node_unreachable` where content would travel in plain text. */
  private poolOf(url: URL): Pool {
    const { origin } = url;
    const secured = url.protocol === 'https:';
    const certificate = secured ? this.certificateOf(origin) : undefined;
    const known = this.pools.get(origin);
    if (known) {
      this.pools.delete(origin);
      if (known.certificate === certificate) {
        this.pools.set(origin, known);
        return known.pool;
      }
      // Its connections lead to whoever shows a certificate that is not named any more. What is under way there ends.
      void known.pool.close();
    }
    if (!secured && !this.network.has(url.hostname)) throw inPlainText();
    const pool = new Pool(origin, {
      ...{ connections: this.connections, pipelining: 1, keepAliveTimeout: 30_000 },
      ...(secured ? { connect: pinnedConnector(() => certificate) } : {}),
    });
    this.pools.set(origin, { pool, certificate });
    if (this.pools.size > this.maxOrigins) {
      for (const [oldest, idle] of this.pools) {
        this.pools.delete(oldest);
        void idle.pool.close();
        break;
      }
    }
    return pool;
  }
}

export const tooLarge = (sizeBytes: number, maxBytes: number) =>
  new WatershedError('body_too_large', `The content has ${sizeBytes} bytes; this transfer takes ${maxBytes}.`, {
    details: { sizeBytes, maxBytes },
  });

const answeredLate = (timeoutMs: number, cause?: unknown) =>
  new WatershedError('deadline_exceeded', `The node did not answer within ${timeoutMs} ms.`, { cause });

const stopping = () => new WatershedError('shutting_down', 'This service is stopping. Try another.');

const inPlainText = () =>
  new WatershedError(
    'node_unreachable',
    'The node that should take this content is reached in plain text only, off the internal network: its operator must start it with an https address.',
    { retryAfterMs: 1_000 },
  );

export const nodeUnreachable = (cause: unknown) =>
  new WatershedError(
    'node_unreachable',
    cause instanceof UnexpectedCertificateError
      ? 'The node that should take this content does not show the certificate that its manifest names.'
      : 'The node that should take this content could not be reached.',
    { cause, retryAfterMs: 1_000 },
  );
