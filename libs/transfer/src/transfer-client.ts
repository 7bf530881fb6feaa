import type { Readable } from 'node:stream';
import { Pool } from 'undici';
import type { TransferTicket } from '#contracts';
import { WatershedError } from '#errors';

export interface TransferRequest {
  readonly method?: 'POST' | 'PUT' | 'GET';
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

export interface TransferClientOptions {
  /** Open connections to one node at most. */
  readonly connectionsPerOrigin?: number;
  /** Nodes whose pools are kept; the one unused longest is closed first. */
  readonly maxOrigins?: number;
}

/**
 * Sends content to the node that a ticket names, over connections that stay open. One a process, injected, closed by
 * who made it. Never follows a redirect: a ticket's URL is where the content may go, and nowhere else.
 */
export class TransferClient {
  private readonly pools = new Map<string, Pool>();
  private readonly connections: number;
  private readonly maxOrigins: number;
  private closed = false;

  constructor(options: TransferClientOptions = {}) {
    this.connections = options.connectionsPerOrigin ?? 32;
    this.maxOrigins = options.maxOrigins ?? 64;
  }

  /**
   * Errors: `body_too_large` (a body of known size beyond the ticket), `node_unreachable` (nobody there),
   * `deadline_exceeded`; when `signal` aborts, its reason.
   */
  async transfer(ticket: TransferTicket, request: TransferRequest = {}): Promise<TransferResponse> {
    if (this.closed) throw new WatershedError('shutting_down', 'This service is stopping. Try another.');
    const { body } = request;
    const size = typeof body === 'string' ? Buffer.byteLength(body) : body instanceof Uint8Array ? body.byteLength : 0;
    if (size > ticket.maxBytes) {
      throw new WatershedError(
        'body_too_large',
        `The content has ${size} bytes; this transfer takes ${ticket.maxBytes}.`,
        {
          details: { sizeBytes: size, maxBytes: ticket.maxBytes },
        },
      );
    }
    const url = new URL(ticket.url);
    const timeoutMs = request.timeoutMs ?? 10_000;
    const timer = new AbortController();
    const timeout = setTimeout(() => timer.abort(), timeoutMs);
    const signal = request.signal ? AbortSignal.any([request.signal, timer.signal]) : timer.signal;
    try {
      const answer = await this.poolOf(url.origin).request({
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

  /** Ends idle connections now and busy ones when their answers are read. */
  async close(): Promise<void> {
    this.closed = true;
    const pools = [...this.pools.values()];
    this.pools.clear();
    await Promise.all(pools.map((pool) => pool.close()));
  }

  private mapped(error: unknown, caller: AbortSignal | undefined, timer: AbortSignal, timeoutMs: number): unknown {
    if (caller?.aborted) return caller.reason;
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (timer.aborted || code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT') {
      return new WatershedError('deadline_exceeded', `The node did not answer within ${timeoutMs} ms.`, {
        cause: error,
      });
    }
    return new WatershedError('node_unreachable', 'The node that should take this content could not be reached.', {
      cause: error,
      retryAfterMs: 1_000,
    });
  }

  private poolOf(origin: string): Pool {
    const known = this.pools.get(origin);
    if (known) {
      this.pools.delete(origin);
      this.pools.set(origin, known);
      return known;
    }
    const pool = new Pool(origin, { connections: this.connections, pipelining: 1, keepAliveTimeout: 30_000 });
    this.pools.set(origin, pool);
    if (this.pools.size > this.maxOrigins) {
      for (const [oldest, idle] of this.pools) {
        this.pools.delete(oldest);
        void idle.close();
        break;
      }
    }
    return pool;
  }
}
