import type { TransferTicket } from '#contracts';
import type { ContentSender } from '#transfer';
import type { ContentPort, RunnerAnswer } from './engine/inference.ports.js';

/** Content to a runner and its answer back, as bytes that nobody here reads. */
export class RunnerContent implements ContentPort {
  constructor(private readonly sender: Pick<ContentSender, 'send'>) {}

  async send(
    ticket: TransferTicket,
    content: { contentType: string; headerLength?: string; body: Uint8Array },
    timeoutMs: number,
  ): Promise<RunnerAnswer> {
    const { contentType, headerLength, body } = content;
    const kind = contentType === 'application/octet-stream' ? 'binary' : 'json';
    const length = headerLength === undefined ? {} : { headerLength: Number(headerLength) };
    const answer = await this.sender.send(ticket, { kind, ...length, body }, timeoutMs);
    return {
      status: answer.status,
      contentType: answer.kind === 'binary' ? 'application/octet-stream' : 'application/json',
      ...(answer.headerLength === undefined ? {} : { headerLength: String(answer.headerLength) }),
      body: answer.body,
    };
  }
}
