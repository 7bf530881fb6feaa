import type { TransferTicket } from '#contracts';
import { WatershedError } from '#errors';
import { TransferTokens } from '#transfer';
import type { BlobPart, BlobStore } from './blob-store.js';

/** What a ticket lets its bearer do, once. */
export type BlobTransfer =
  | ({ readonly kind: 'upload' } & BlobPart)
  | { readonly kind: 'download'; readonly sha256: string; readonly sizeBytes: number };

export interface BlobTransfersOptions {
  readonly blobs: BlobStore;
  readonly maxBlobBytes: number;
  /** Whether a blob belongs to an approved version. */
  readonly isApproved: (sha256: string) => Promise<boolean>;
  /** Where this registry takes and gives blobs, without a slash at its end. */
  readonly baseUrl: () => string;
}

/** Tickets to send and fetch blobs. */
export class BlobTransfers {
  readonly #options: BlobTransfersOptions;
  readonly #tokens = new TransferTokens<BlobTransfer>({ capacity: 1_000 });

  constructor(options: BlobTransfersOptions) {
    this.#options = options;
  }

  /** Someone who may hold a ticket was expelled. */
  revokeTickets(): void {
    this.#tokens.revokeAll();
  }

  /** Throws `body_too_large`, and `digest_mismatch` for a blob that is here with another size. */
  async beginUpload(
    sha256: string,
    sizeBytes: number,
  ): Promise<{ complete: boolean; offsetBytes: number; ticket?: TransferTicket }> {
    const { blobs, maxBlobBytes } = this.#options;
    if (sizeBytes > maxBlobBytes) {
      throw new WatershedError('body_too_large', `A blob may have at most ${maxBlobBytes} bytes.`, {
        details: { maxBytes: maxBlobBytes },
      });
    }
    const here = await blobs.sizeOf(sha256);
    if (here === sizeBytes) return { complete: true, offsetBytes: sizeBytes };
    if (here !== undefined) {
      throw new WatershedError('digest_mismatch', `The blob of this SHA-256 has ${here} bytes.`, {
        details: { sizeBytes: here },
      });
    }
    const partBytes = await blobs.partSizeOf(sha256);
    if (partBytes >= sizeBytes && (await blobs.finish(sha256, sizeBytes)).complete) {
      return { complete: true, offsetBytes: sizeBytes };
    }
    const from = partBytes >= sizeBytes ? 0 : partBytes;
    const maxBytes = sizeBytes - from;
    return {
      complete: false,
      offsetBytes: from,
      ticket: this.#ticket({ kind: 'upload', sha256, sizeBytes, offsetBytes: from }, maxBytes),
    };
  }

  /** Throws `blob_unknown` for what no approved version has. */
  async pull(sha256: string): Promise<{ ticket: TransferTicket; sizeBytes: number }> {
    const { blobs, isApproved } = this.#options;
    const sizeBytes = (await isApproved(sha256)) ? await blobs.sizeOf(sha256) : undefined;
    if (sizeBytes === undefined) {
      throw new WatershedError('blob_unknown', 'No approved model has this blob.');
    }
    return { ticket: this.#ticket({ kind: 'download', sha256, sizeBytes }, sizeBytes), sizeBytes };
  }

  /** What this request may do. Throws `transfer_token_invalid`, also where the path names another blob or direction. */
  redeem<Kind extends BlobTransfer['kind']>(
    authorization: string | undefined,
    kind: Kind,
    sha256: string,
  ): Extract<BlobTransfer, { kind: Kind }> {
    const token = /^Bearer ([A-Za-z0-9_-]{43,64})$/.exec(authorization ?? '')?.[1] ?? '';
    const transfer = this.#tokens.redeem(token);
    if (isOf(transfer, kind) && transfer.sha256 === sha256) return transfer;
    throw new WatershedError('transfer_token_invalid', 'This transfer token is for another transfer.');
  }

  #ticket(transfer: BlobTransfer, maxBytes: number): TransferTicket {
    const { token } = this.#tokens.issue({ bind: transfer, maxBytes });
    return { url: `${this.#options.baseUrl()}/blobs/${transfer.sha256}`, token, maxBytes };
  }
}

function isOf<Kind extends BlobTransfer['kind']>(
  transfer: BlobTransfer,
  kind: Kind,
): transfer is Extract<BlobTransfer, { kind: Kind }> {
  return transfer.kind === kind;
}
