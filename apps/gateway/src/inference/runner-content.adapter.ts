import type { TransferTicket } from '#contracts';
import { WatershedError } from '#errors';
import type { TransferClient } from '#transfer';
import type { ContentPort, RunnerAnswer } from './engine/inference.ports.js';

/** Content to a runner and its answer back, as bytes that nobody here reads. */
export class RunnerContent implements ContentPort {
  constructor(
    private readonly client: Pick<TransferClient, 'transfer'>,
    private readonly maxAnswerBytes: number,
  ) {}

  async send(
    ticket: TransferTicket,
    content: { contentType: string; headerLength?: string; body: Uint8Array },
    timeoutMs: number,
  ): Promise<RunnerAnswer> {
    const headers: Record<string, string> = { 'content-type': content.contentType };
    if (content.headerLength !== undefined) headers['inference-header-content-length'] = content.headerLength;
    const answer = await this.client.transfer(ticket, { method: 'POST', headers, body: content.body, timeoutMs });
    const chunks: Buffer[] = [];
    let size = 0;
    try {
      for await (const chunk of answer.body) {
        const bytes: Buffer = chunk;
        size += bytes.byteLength;
        if (size > this.maxAnswerBytes)
          throw new WatershedError('inference_failed', 'The answer is larger than this gateway passes on.');
        chunks.push(bytes);
      }
    } catch (error) {
      answer.body.destroy();
      if (error instanceof WatershedError) throw error;
      throw new WatershedError('node_unreachable', 'The runner broke off in the middle of its answer.', {
        cause: error,
        retryAfterMs: 1_000,
      });
    }
    const { 'content-type': contentType, 'inference-header-content-length': headerLength } = answer.headers;
    return {
      status: answer.status,
      contentType: typeof contentType === 'string' ? contentType : 'application/json',
      ...(typeof headerLength === 'string' ? { headerLength } : {}),
      body: chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks, size),
    };
  }
}
