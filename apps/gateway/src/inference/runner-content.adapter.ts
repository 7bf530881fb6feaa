import type { TransferTicket } from '#contracts';
import type { TransferClient } from '#transfer';
import type { ContentPort, RunnerAnswer } from './engine/inference.ports.js';

/** Content to a runner and its answer back, as bytes that nobody here reads. */
export class RunnerContent implements ContentPort {
  constructor(
    private readonly client: Pick<TransferClient, 'exchange'>,
    private readonly maxAnswerBytes: number,
  ) {}

  async send(
    ticket: TransferTicket,
    content: { contentType: string; headerLength?: string; body: Uint8Array },
    timeoutMs: number,
  ): Promise<RunnerAnswer> {
    const headers: Record<string, string> = { 'content-type': content.contentType };
    if (content.headerLength !== undefined) headers['inference-header-content-length'] = content.headerLength;
    const answer = await this.client.exchange(ticket, {
      headers,
      body: content.body,
      timeoutMs,
      maxAnswerBytes: this.maxAnswerBytes,
    });
    const { 'content-type': contentType, 'inference-header-content-length': headerLength } = answer.headers;
    return {
      status: answer.status,
      contentType: typeof contentType === 'string' ? contentType : 'application/json',
      ...(typeof headerLength === 'string' ? { headerLength } : {}),
      body: answer.body,
    };
  }
}
