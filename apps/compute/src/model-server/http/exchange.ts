import type { IncomingMessage, ServerResponse } from 'node:http';
import { promisify } from 'node:util';
import { deflate, gzip, unzip } from 'node:zlib';
import { StatusError } from '../status-error.js';

const compressors = { gzip: promisify(gzip), deflate: promisify(deflate) };
const decompress = promisify(unzip);

/** Bytes of bodies that are held at once, over all connections: many slow senders must not add up to all the memory. */
export class BodyBudget {
  private held = 0;

  constructor(
    readonly maxBodyBytes: number,
    private readonly maxHeldBytes: number,
  ) {}

  take(bytes: number): void {
    if (this.held + bytes > this.maxHeldBytes)
      throw new StatusError(503, 'too many bytes of requests at once; try again later');
    this.held += bytes;
  }

  give(bytes: number): void {
    this.held -= bytes;
  }
}

export type ReplyHeaders = Record<string, string | number>;

/** One request and its answer. */
export class Exchange {
  private held = 0;
  private readonly abort = new AbortController();

  constructor(
    readonly request: IncomingMessage,
    readonly response: ServerResponse,
    private readonly budget: BodyBudget,
  ) {
    response.once('close', () => {
      budget.give(this.held);
      this.held = 0;
      if (!response.writableFinished) this.abort.abort();
    });
  }

  /** Aborted when the client goes away before its answer. */
  get signal(): AbortSignal {
    return this.abort.signal;
  }

  header(name: string): string | undefined {
    const value = this.request.headers[name];
    return typeof value === 'string' ? value : undefined;
  }

  /** The whole body as it was sent; 413 beyond the limit, without reading on. */
  async body(): Promise<Buffer> {
    const { request, budget } = this;
    const limit = budget.maxBodyBytes;
    if (Number(this.header('content-length') ?? 0) > limit) throw tooLarge(limit);
    const chunks: Buffer[] = [];
    let size = 0;
    return new Promise((resolve, reject) => {
      request.on('data', (chunk: Buffer) => {
        size += chunk.byteLength;
        try {
          if (size > limit) throw tooLarge(limit);
          budget.take(chunk.byteLength);
          this.held += chunk.byteLength;
          chunks.push(chunk);
        } catch (error) {
          request.removeAllListeners('data');
          request.resume();
          reject(error);
        }
      });
      request.once('end', () => resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)));
      const ended = () => reject(new StatusError(400, 'the request ended before its body'));
      request.once('error', ended);
      request.once('close', ended);
    });
  }

  /** The body without its Content-Encoding. A body that does not decompress is a client's mistake, and no raw request. */
  async decodedBody(): Promise<Buffer> {
    const encoding = this.header('content-encoding') ?? '';
    if (encoding !== '' && encoding !== 'identity' && encoding !== 'gzip' && encoding !== 'deflate') {
      this.response.setHeader('accept-encoding', 'gzip, deflate');
      throw new StatusError(501, 'Unsupported compression type');
    }
    const body = await this.body();
    if (encoding === '' || encoding === 'identity') return body;
    if (body.byteLength === 0) throw new StatusError(400, 'nothing to be decompressed');
    const maxOutputLength = this.budget.maxBodyBytes;
    try {
      const plain = await decompress(body, { maxOutputLength });
      this.budget.take(plain.byteLength);
      this.held += plain.byteLength;
      return plain;
    } catch (error) {
      if (error instanceof StatusError) throw error;
      if (hasCode(error, 'ERR_BUFFER_TOO_LARGE')) throw tooLarge(maxOutputLength);
      throw new StatusError(400, `the body does not decompress as ${encoding}`);
    }
  }

  send(status: number, headers: ReplyHeaders, chunks: readonly (Uint8Array | string)[]): void {
    const { response } = this;
    if (response.headersSent || response.destroyed) return;
    let length = 0;
    for (const chunk of chunks) length += Buffer.byteLength(chunk);
    response.writeHead(status, { ...headers, 'content-length': length });
    const last = chunks.length - 1;
    chunks.forEach((chunk, i) => {
      if (i < last) response.write(chunk);
    });
    response.end(chunks[last]);
  }

  json(status: number, body: unknown): void {
    this.send(status, { 'content-type': 'application/json' }, [JSON.stringify(body)]);
  }

  empty(status: number, type = 'application/json'): void {
    this.send(status, { 'content-type': type }, []);
  }

  error(status: number, message: string): void {
    // A client that is refused while it still sends must not keep the connection busy with the rest.
    if (status === 413) this.response.setHeader('connection', 'close');
    // Names in a message come from the request, however long they are there.
    this.json(status, { error: message.slice(0, 2000) });
  }

  /** A successful answer in the encoding that the client prefers. */
  async sendCompressed(headers: ReplyHeaders, chunks: readonly Uint8Array[]): Promise<void> {
    const accepted = this.header('accept-encoding');
    const encoding = accepted === undefined ? 'identity' : preferredEncoding(accepted);
    if (encoding === 'identity') return this.send(200, headers, chunks);
    const compressed = await compressors[encoding](Buffer.concat(chunks));
    this.send(200, { ...headers, 'content-encoding': encoding }, [compressed]);
  }
}

const hasCode = (error: unknown, code: string): boolean =>
  typeof error === 'object' && error !== null && 'code' in error && error.code === code;

const tooLarge = (limit: number) => new StatusError(413, `the request is larger than ${limit} bytes`);

/** The first encoding of the greatest weight among those that are known; Triton's reading of Accept-Encoding. */
export function preferredEncoding(accepted: string): 'identity' | 'gzip' | 'deflate' {
  let best: 'identity' | 'gzip' | 'deflate' = 'identity';
  let weight = 0;
  for (const part of accepted.split(',')) {
    const [name = '', quality] = part.trim().split(';q=');
    const own = quality === undefined ? 1 : Number.parseFloat(quality);
    if ((name === 'identity' || name === 'gzip' || name === 'deflate') && own > weight) {
      best = name;
      weight = own;
    }
  }
  return best;
}
