import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { type ErrorCode, isWatershedError, toWireError, WatershedError } from '#errors';
import type { ServerCertificate } from '#tls';

export interface TransferServerOptions {
  readonly host: string;
  /** 0 is any free one. */
  readonly port: number;
  /** It speaks HTTPS with this; HTTP when absent. */
  readonly tls?: ServerCertificate | undefined;
  /** From a request's first byte to its last. */
  readonly bodyTimeoutMs: number;
  /** Answers one request; what it throws is for `refuse`. Must not reject. */
  readonly handle: (request: IncomingMessage, response: ServerResponse) => Promise<void>;
  /** Status of a refusal by its code; what is not listed is a 500. The caller is a service and reads the code. */
  readonly statuses: Partial<Record<ErrorCode, number>>;
  /** What is no typed error: a defect of ours, told to nobody outside. */
  readonly onInternalError: (error: unknown) => void;
}

/**
 * Where content arrives under tickets: plain `node:http` beneath the Nest shell, with what every such server needs: a
 * port, a count of what is under way, a drain, a close, and refusals in the form that `refusal` of #contracts reads.
 */
export class TransferServer {
  private readonly server: Server;
  private readonly busy = new Set<Promise<void>>();
  private draining = false;

  constructor(private readonly options: TransferServerOptions) {
    const take = (request: IncomingMessage, response: ServerResponse): void => {
      const work = options.handle(request, response).finally(() => this.busy.delete(work));
      this.busy.add(work);
    };
    const settings = { maxHeaderSize: 16_384, noDelay: true };
    const { tls } = options;
    this.server = tls
      ? createSecureServer({ ...settings, cert: tls.cert, key: tls.key }, take)
      : createServer(settings, take);
    this.server.requestTimeout = options.bodyTimeoutMs;
    this.server.headersTimeout = Math.min(10_000, options.bodyTimeoutMs);
    this.server.keepAliveTimeout = 65_000;
  }

  /** Requests that are not answered to their last byte. */
  get inFlight(): number {
    return this.busy.size;
  }

  /** Whether this answer is the last one on its connection: callers keep theirs open until told. */
  get isDraining(): boolean {
    return this.draining;
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

  /** Ends what is still under way: drain before, where it should be answered. */
  async close(): Promise<void> {
    this.draining = true;
    const closed = this.server.listening
      ? new Promise<void>((resolve) => this.server.close(() => resolve()))
      : Promise.resolve();
    this.server.closeAllConnections();
    await closed;
    await Promise.all(this.busy);
  }

  /** Answers with JSON. */
  send(
    response: ServerResponse,
    status: number,
    answer: unknown,
    headers: Readonly<Record<string, string | number>> = {},
  ): void {
    const body = Buffer.from(JSON.stringify(answer));
    response.writeHead(status, {
      'content-type': 'application/json',
      'content-length': body.byteLength,
      ...headers,
      ...(this.draining ? { connection: 'close' } : {}),
    });
    response.end(body);
  }

  /** Answers with the error, or breaks the connection where an answer has begun; returns the code that was told. */
  refuse(request: IncomingMessage, response: ServerResponse, error: unknown): ErrorCode {
    const wire = toWireError(error);
    const gone = response.destroyed || request.destroyed;
    if (!isWatershedError(error) && !(gone && isPrematureClose(error))) this.options.onInternalError(error);
    if (response.headersSent || response.destroyed) {
      response.destroy();
      return wire.code;
    }
    const headers: Record<string, string | number> = {};
    if (wire.retryAfterMs !== undefined) headers['retry-after'] = Math.ceil(wire.retryAfterMs / 1_000);
    // What is left of a body that is not wanted is not read: the connection ends with the answer.
    if (!request.complete) headers.connection = 'close';
    this.send(response, this.options.statuses[wire.code] ?? 500, wire, headers);
    return wire.code;
  }
}

const isPrematureClose = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ERR_STREAM_PREMATURE_CLOSE';

/** The one-use token of a request. Throws `transfer_token_invalid` where there is none. */
export function transferTokenOf(request: IncomingMessage): string {
  const header = request.headers.authorization;
  if (header?.startsWith('Bearer ')) return header.slice(7);
  throw new WatershedError('transfer_token_invalid', "The transfer's token is missing.");
}

/** A small JSON body, read whole. Throws `body_too_large`, `malformed_body`. */
export async function readJson(request: IncomingMessage, maxBytes: number): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of request.iterator({ destroyOnReturn: false })) {
      const bytes: Buffer = chunk;
      size += bytes.byteLength;
      if (size > maxBytes) break;
      chunks.push(bytes);
    }
  } catch (cause) {
    throw new WatershedError('malformed_body', 'The body broke off before its end.', { cause });
  }
  if (size > maxBytes)
    throw new WatershedError('body_too_large', `This transfer takes ${maxBytes} bytes.`, { details: { maxBytes } });
  try {
    return JSON.parse(Buffer.concat(chunks, size).toString('utf8'));
  } catch {
    // The parser's own message would quote what was sent.
    throw new WatershedError('malformed_body', 'The body is not JSON.');
  }
}
