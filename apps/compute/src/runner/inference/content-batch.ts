import type { IncomingMessage, ServerResponse } from 'node:http';
import { WatershedError, type WireError } from '#errors';
import {
  contentBatchBodyBytes,
  contentBatchLimit,
  contentBatchType,
  encodeFrame,
  FrameReader,
  type ReceivedFrame,
} from '#transfer';
import type { ContentOut } from './engine/inference.ports.js';

/** The answers of a batch, each sent when it is there; those of one turn of the event loop leave in one write. */
export class BatchAnswers {
  private pieces: Uint8Array[] = [];

  constructor(
    private readonly response: ServerResponse,
    private readonly closing: boolean,
  ) {}

  add(id: number, { kind, headerLength, chunks, byteLength }: ContentOut): void {
    const [only] = chunks;
    const body = chunks.length === 1 && only ? only : Buffer.concat(chunks, byteLength);
    this.push(encodeFrame({ id, status: 200, kind, headerLength, token: '', body }));
  }

  refuse(id: number, status: number, refusal: WireError): void {
    this.push(encodeFrame({ id, status, kind: 'json', token: '', body: Buffer.from(JSON.stringify(refusal)) }));
  }

  end(): void {
    this.head();
    this.response.end(this.pieces.length > 0 ? Buffer.concat(this.pieces) : undefined);
    this.pieces = [];
  }

  private push(frame: readonly Uint8Array[]): void {
    if (this.pieces.length === 0) setImmediate(() => this.flush());
    this.pieces.push(...frame);
  }

  private flush(): void {
    if (this.pieces.length === 0) return;
    // The batch was refused as a whole meanwhile; an answer that still waits behind another's must not be written to.
    if (this.response.writableEnded) return;
    this.head();
    this.response.write(Buffer.concat(this.pieces));
    this.pieces = [];
  }

  /** With the first answer and not before: a batch that is none can still be refused with a status of its own. */
  private head(): void {
    if (this.response.headersSent) return;
    const headers = { 'content-type': contentBatchType, ...(this.closing ? { connection: 'close' } : {}) };
    this.response.writeHead(200, headers);
  }
}

/** Runs `take` for every content as it comes; resolves when all are answered. Throws `malformed_body`, `body_too_large`. */
export async function eachContent(
  request: IncomingMessage,
  take: (frame: ReceivedFrame) => Promise<void>,
): Promise<void> {
  const reader = new FrameReader(contentBatchBodyBytes);
  const taken: Promise<void>[] = [];
  await new Promise<void>((resolve, reject) => {
    const malformed = (cause?: unknown) => {
      request.pause();
      reject(new WatershedError('malformed_body', 'The batch of contents broke off or is none.', { cause }));
    };
    request.on('data', (chunk: Buffer) => {
      try {
        for (const frame of reader.push(chunk)) {
          if (taken.length === contentBatchLimit) throw new RangeError('more contents than a batch may have');
          taken.push(take(frame));
        }
      } catch (error) {
        malformed(error);
      }
    });
    request.on('end', () => (reader.empty ? resolve() : malformed()));
    request.on('error', malformed);
    request.on('close', () => request.complete || malformed());
  }).finally(() => Promise.all(taken)); // what has begun runs to its end, metered, whoever hears of it
}
