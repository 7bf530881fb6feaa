import type { TransferTicket } from '#contracts';
import { isWatershedError } from '#errors';
import {
  contentBatchBodyBytes,
  contentBatchSuffix,
  contentBatchType,
  encodeFrame,
  FrameReader,
  type ReceivedFrame,
  timeoutHeader,
} from './content-frames.js';
import { nodeUnreachable, type TransferClient, tooLarge } from './transfer-client.js';

/** Content small enough to be held in memory. */
export interface Content {
  readonly kind: 'json' | 'binary';
  /** Of a binary body: how much of it is JSON. */
  readonly headerLength?: number;
  readonly body: Uint8Array;
}

export interface ContentAnswer extends Content {
  /** As an HTTP status. */
  readonly status: number;
  readonly body: Buffer;
}

export interface ContentSenderOptions {
  readonly client: Pick<TransferClient, 'exchange' | 'streamed'>;
  readonly maxAnswerBytes: number;
  /** Each by itself: where every one is recorded in a trace of its own. */
  readonly oneByOne?: boolean;
}

/** A refusal is a sentence and its details: whoever sends more wants our memory. */
const longestRefusalBytes = 65_536;

interface Waiting {
  readonly ticket: TransferTicket;
  readonly content: Content;
  readonly resolve: (answer: ContentAnswer) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * So many leave without waiting for the end of the turn: when a crowd comes in one turn, its receiver begins with the first
 * while the last are still being read.
 */
const contentsAtOnce = 16;

/**
 * Sends contents to the places that their tickets name. Small ones of one turn of the event loop that go to the same
 * place share one HTTP request, whose answer brings each one's answer as soon as it is there: between two services an
 * HTTP exchange costs more than what most of them carry. One alone goes as it is.
 */
export class ContentSender {
  private readonly waiting = new Map<string, Waiting[]>();

  constructor(private readonly options: ContentSenderOptions) {}

  /** Errors as `TransferClient.exchange`. `timeoutMs` is told to the receiver, too. */
  send(ticket: TransferTicket, content: Content, timeoutMs: number): Promise<ContentAnswer> {
    if (content.body.byteLength > ticket.maxBytes)
      return Promise.reject(tooLarge(content.body.byteLength, ticket.maxBytes));
    if (this.options.oneByOne || !fitsInFrame(content)) return this.alone(ticket, content, timeoutMs);
    return new Promise<ContentAnswer>((resolve, reject) => {
      const group = `${timeoutMs} ${ticket.url}`;
      const others = this.waiting.get(group);
      const waiting = { ticket, content, resolve, reject };
      if (others) {
        others.push(waiting);
        if (others.length === contentsAtOnce) {
          this.waiting.delete(group);
          this.flush(ticket.url, others, timeoutMs);
        }
        return;
      }
      const all = [waiting];
      this.waiting.set(group, all);
      setImmediate(() => {
        if (this.waiting.get(group) !== all) return; // there were many: they have left
        this.waiting.delete(group);
        this.flush(ticket.url, all, timeoutMs);
      });
    });
  }

  private flush(url: string, all: Waiting[], timeoutMs: number): void {
    const [first, second] = all;
    if (first && !second) {
      this.alone(first.ticket, first.content, timeoutMs).then(first.resolve, first.reject);
      return;
    }
    this.together(url, all, timeoutMs);
  }

  private async alone(ticket: TransferTicket, content: Content, timeoutMs: number): Promise<ContentAnswer> {
    const headers: Record<string, string> = {
      'content-type': content.kind === 'json' ? 'application/json' : 'application/octet-stream',
      [timeoutHeader]: String(timeoutMs),
    };
    if (content.headerLength !== undefined) headers['inference-header-content-length'] = String(content.headerLength);
    const { maxAnswerBytes, client } = this.options;
    const answer = await client.exchange(ticket, { headers, body: content.body, timeoutMs, maxAnswerBytes });
    const headerLength = Number(answer.headers['inference-header-content-length']);
    return {
      status: answer.status,
      kind: answer.headers['content-type'] === 'application/octet-stream' ? 'binary' : 'json',
      ...(headerLength > 0 ? { headerLength } : {}),
      body: answer.body,
    };
  }

  private together(url: string, batch: readonly Waiting[], timeoutMs: number): void {
    const { client, maxAnswerBytes } = this.options;
    const open = new Map(batch.map((each, id) => [id, each]));
    const pieces = batch.flatMap(({ ticket, content }, id) =>
      encodeFrame({
        id,
        status: 0,
        kind: content.kind,
        headerLength: content.headerLength,
        token: ticket.token,
        body: content.body,
      }),
    );
    const answered = ({ id, status, kind, headerLength, body }: ReceivedFrame) => {
      open.get(id)?.resolve({ status, kind, headerLength, body });
      open.delete(id);
    };
    const refuseAll = (error: unknown) => {
      const refusal = isWatershedError(error) ? error : nodeUnreachable(error);
      for (const { reject } of open.values()) reject(refusal);
    };
    const reader = new FrameReader(maxAnswerBytes);
    const refused: Buffer[] = [];
    const refusedMaxBytes = Math.min(maxAnswerBytes, longestRefusalBytes);
    let refusedBytes = 0;
    let status = 0;
    const answer = {
      head: (given: number) => {
        status = given;
      },
      data: (chunk: Buffer) => {
        if (status === 200) {
          for (const frame of reader.push(chunk)) answered(frame);
          return;
        }
        refusedBytes += chunk.byteLength;
        if (refusedBytes > refusedMaxBytes) throw tooLarge(refusedBytes, refusedMaxBytes);
        refused.push(chunk);
      },
    };
    const headers = { 'content-type': contentBatchType, [timeoutHeader]: String(timeoutMs) };
    const place = new URL(`${url}${contentBatchSuffix}`);
    client.streamed(place, { headers, body: Buffer.concat(pieces), timeoutMs }, answer).then(() => {
      if (open.size === 0) return;
      // A refusal of the whole is each one's; what a whole answer left out broke off.
      if (status === 200) return refuseAll(nodeUnreachable(new Error('the answer ended early')));
      for (const { resolve } of open.values()) resolve({ status, kind: 'json', body: Buffer.concat(refused) });
    }, refuseAll);
  }
}

/** What does not is sent as it is, and refused by its receiver where it is wrong. */
function fitsInFrame({ body, headerLength }: Content): boolean {
  if (body.byteLength > contentBatchBodyBytes) return false;
  return (
    headerLength === undefined ||
    (Number.isInteger(headerLength) && headerLength > 0 && headerLength <= body.byteLength)
  );
}
