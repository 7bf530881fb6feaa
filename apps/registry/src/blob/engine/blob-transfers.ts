import { maxPlacedVersions, type TransferTicket } from '#contracts';
import { WatershedError } from '#errors';
import { TransferTokens } from '#transfer';
import type { BlobPart, BlobStore } from './blob-store.js';

/** What a ticket lets its bearer do, once. */
export type BlobTransfer =
  | ({ readonly kind: 'upload' } & BlobPart)
  | { readonly kind: 'download'; readonly sha256: string; readonly sizeBytes: number };

export interface BlobVersion {
  readonly name: string;
  readonly version: string;
}

export interface BlobTransfersOptions {
  readonly blobs: BlobStore;
  readonly maxBlobBytes: number;
  /** Approved versions that have a blob, in an order that stays: the first `limit` of those behind `after`. */
  readonly approvedWith: (
    sha256: string,
    page: { after?: BlobVersion; limit: number },
  ) => Promise<readonly BlobVersion[]>;
  /** Whether one of these versions, `maxPlacedVersions` at most, is to be served by this node. */
  readonly isPlaced: (nodeId: string, versions: readonly BlobVersion[]) => Promise<boolean>;
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

  /**
   * Throws `blob_unknown` for what no approved version has, `caller_not_allowed` where none that has it is placed on this
   * runner: a stolen runner's key fetches no model but those that it serves anyway.
   */
  async pull(sha256: string, runnerId: string): Promise<{ ticket: TransferTicket; sizeBytes: number }> {
    const { blobs, approvedWith } = this.#options;
    const versions = await approvedWith(sha256, { limit: maxPlacedVersions });
    const sizeBytes = versions.length > 0 ? await blobs.sizeOf(sha256) : undefined;
    if (sizeBytes === undefined) {
      throw new WatershedError('blob_unknown', 'No approved model has this blob.');
    }
    if (!(await this.#isPlaced(sha256, runnerId, versions))) {
      throw new WatershedError(
        'caller_not_allowed',
        'No model with this file is placed on this runner. Have an operator place it: `watershed models place`.',
        { details: { nodeId: runnerId } },
      );
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

  /** One file may be in any number of versions: they are asked about a page at a time. */
  async #isPlaced(sha256: string, runnerId: string, first: readonly BlobVersion[]): Promise<boolean> {
    const limit = maxPlacedVersions;
    for (let page = first; page.length > 0; ) {
      if (await this.#options.isPlaced(runnerId, page)) return true;
      if (page.length < limit) return false;
      page = await this.#options.approvedWith(sha256, { after: page.at(-1), limit });
    }
    return false;
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
