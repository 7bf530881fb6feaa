import { WatershedError } from '#errors';
import type { TransferResponse } from '#transfer';
import { refusalOf } from '../inference/engine/runner-refusal.js';

const maxRefusalBytes = 65_536;

/** The refusal in a service's answer to a transfer, read to its end so that the connection is free again. */
export async function refusalFrom(answer: TransferResponse): Promise<WatershedError> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer.body) {
    const bytes: Buffer = chunk;
    size += bytes.byteLength;
    if (size > maxRefusalBytes) {
      answer.body.destroy();
      return new WatershedError('internal', 'A service refused in a form that cannot be told.');
    }
    chunks.push(bytes);
  }
  return refusalOf({ status: answer.status, body: Buffer.concat(chunks) }, 'internal');
}
