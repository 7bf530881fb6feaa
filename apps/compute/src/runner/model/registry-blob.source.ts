import type { Readable } from 'node:stream';
import type { Bus } from '#bus';
import { registryPull } from '#contracts';
import { type ErrorCode, errorCodes, WatershedError } from '#errors';
import type { TransferClient } from '#transfer';
import type { BlobSource } from './blob-store.js';

/** Blobs from a registry of the cluster: every piece under a ticket of its own, by a Range request from where it stopped. */
export class RegistryBlobSource implements BlobSource {
  constructor(
    private readonly bus: Pick<Bus, 'call'>,
    private readonly transfer: Pick<TransferClient, 'transfer'>,
  ) {}

  async open(blob: { sha256: string; sizeBytes: number }, offsetBytes: number): Promise<Readable> {
    const { ticket, sizeBytes } = await this.bus.call(registryPull, { sha256: blob.sha256 });
    if (sizeBytes !== blob.sizeBytes)
      throw new WatershedError('digest_mismatch', 'The registry holds a blob of another size under this digest.');
    const answer = await this.transfer.transfer(ticket, {
      method: 'GET',
      ...(offsetBytes > 0 ? { headers: { range: `bytes=${offsetBytes}-` } } : {}),
    });
    if (answer.status === 200 && offsetBytes === 0) return answer.body;
    if (answer.status === 206 && startsAt(answer.headers['content-range'], offsetBytes)) return answer.body;
    throw await refusalIn(answer.status, answer.body);
  }
}

function startsAt(header: string | string[] | undefined, offsetBytes: number): boolean {
  return typeof header === 'string' && header.startsWith(`bytes ${offsetBytes}-`);
}

const longestRefusal = 65_536;

async function refusalIn(status: number, body: Readable): Promise<WatershedError> {
  let text = '';
  for await (const chunk of body) {
    text += String(chunk);
    if (text.length > longestRefusal) break;
  }
  let code: ErrorCode = 'node_unreachable';
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === 'object' && parsed !== null && 'code' in parsed)
      code = errorCodes.find((known) => known === parsed.code) ?? code;
  } catch {
    code = 'node_unreachable'; // no refusal of ours: a proxy's page, or nothing
  }
  return new WatershedError(code, `The registry answered ${status} when asked for the model file.`, {
    details: { status },
  });
}
