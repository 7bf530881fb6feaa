import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { registryBeginUpload } from '#contracts';
import { WatershedError } from '#errors';
import type { TransferClient } from '#transfer';
import type { GatewayCluster } from '../cluster/cluster.port.js';
import { refusalFrom } from '../http/transfer-answer.js';

export interface UploadRange {
  readonly fromBytes: number;
  readonly lengthBytes: number;
  readonly sizeBytes: number;
}

/** Where the bytes of a PUT lie in the blob: all of it by Content-Length alone, or what Content-Range says (RFC 9110). */
export function uploadRange(headers: IncomingHttpHeaders, maxBytes: number): UploadRange {
  const range = headers['content-range'];
  const parts = range === undefined ? undefined : /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15})$/.exec(range);
  const lengthBytes = Number(
    headers['content-length'] ?? (parts ? Number(parts[2]) - Number(parts[1]) + 1 : Number.NaN),
  );
  if (!Number.isSafeInteger(lengthBytes) || lengthBytes <= 0) {
    throw new WatershedError(
      'invalid_request',
      'Send Content-Length or Content-Range: how many bytes follow must be known before.',
    );
  }
  if (range !== undefined && !parts)
    throw new WatershedError('invalid_request', 'Content-Range looks like `bytes 0-99/1000`.');
  const [from, to, size] = parts ? parts.slice(1).map(Number) : [0, lengthBytes - 1, lengthBytes];
  if (from === undefined || to === undefined || size === undefined || to - from + 1 !== lengthBytes || to >= size) {
    throw new WatershedError('invalid_request', 'Content-Range and Content-Length do not agree.');
  }
  if (size > maxBytes) {
    throw new WatershedError('body_too_large', `A blob may have at most ${maxBytes} bytes.`, { details: { maxBytes } });
  }
  return { fromBytes: from, lengthBytes, sizeBytes: size };
}

/** Bytes of blobs from operators to the registry, as a stream: nothing of them is kept here. */
export class BlobUploads {
  constructor(
    private readonly parts: {
      readonly cluster: GatewayCluster;
      readonly transfer: Pick<TransferClient, 'transfer'>;
      readonly maxBytes: number;
      readonly timeoutMs: number;
    },
  ) {}

  /** Resolves when the registry has verified and kept the blob. */
  async upload(sha256: string, body: IncomingMessage, headers: IncomingHttpHeaders): Promise<void> {
    const { fromBytes, lengthBytes, sizeBytes } = uploadRange(headers, this.parts.maxBytes);
    const begun = await this.parts.cluster.call(registryBeginUpload, { sha256, sizeBytes });
    if (begun.complete) {
      body.resume();
      return;
    }
    if (!begun.ticket) throw new WatershedError('internal', 'The registry named no place for the bytes.');
    if (begun.offsetBytes !== fromBytes) {
      throw new WatershedError('conflict', `The registry has ${begun.offsetBytes} bytes of it; send from there on.`, {
        details: { offsetBytes: begun.offsetBytes },
      });
    }
    const answer = await this.parts.transfer.transfer(begun.ticket, {
      method: 'PUT',
      headers: { 'content-type': 'application/octet-stream', 'content-length': String(lengthBytes) },
      body,
      timeoutMs: this.parts.timeoutMs,
    });
    if (answer.status >= 400) throw await refusalFrom(answer);
    answer.body.resume();
  }
}
