import { Controller, Get, Headers, Inject, Param, Put, Req, Res, UseFilters } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { BusHandler, type Caller } from '#bus';
import { type ParsedRequestOf, registryBeginUpload, registryPull } from '#contracts';
import { BlobStore } from './engine/blob-store.js';
import { BlobTransfers } from './engine/blob-transfers.js';
import { byteRange } from './engine/byte-range.js';
import { TransferFilter } from './transfer.filter.js';

/** Asks for tickets come over the bus, the bytes themselves by HTTP. */
@Controller()
export class BlobController {
  constructor(@Inject(BlobTransfers) private readonly transfers: BlobTransfers) {}

  @BusHandler(registryBeginUpload)
  beginUpload({ sha256, sizeBytes }: ParsedRequestOf<typeof registryBeginUpload>) {
    return this.transfers.beginUpload(sha256, sizeBytes);
  }

  @BusHandler(registryPull)
  pull({ sha256 }: ParsedRequestOf<typeof registryPull>, caller: Caller) {
    return this.transfers.pull(sha256, caller.nodeId);
  }
}

@Controller('blobs')
@UseFilters(TransferFilter)
export class BlobTransferController {
  constructor(
    @Inject(BlobTransfers) private readonly transfers: BlobTransfers,
    @Inject(BlobStore) private readonly blobs: BlobStore,
  ) {}

  @Put(':sha256')
  async upload(
    @Param('sha256') sha256: string,
    @Headers('authorization') authorization: string | undefined,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const part = this.transfers.redeem(authorization, 'upload', sha256);
    const outcome = await this.blobs.receive(part, request.raw);
    await reply.code(outcome.complete ? 201 : 202).send(outcome);
  }

  @Get(':sha256')
  async download(
    @Param('sha256') sha256: string,
    @Headers('authorization') authorization: string | undefined,
    @Headers('range') header: string | undefined,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { sizeBytes } = this.transfers.redeem(authorization, 'download', sha256);
    const range = byteRange(header, sizeBytes);
    void reply
      .header('accept-ranges', 'bytes')
      .header('etag', `"${sha256}"`)
      .header('content-type', 'application/octet-stream');
    if (range === 'unsatisfiable') {
      await reply
        .code(416)
        .header('content-range', `bytes */${sizeBytes}`)
        .header('content-type', 'application/json')
        .send({ code: 'invalid_request', message: 'This range lies outside of the blob.' });
      return;
    }
    const { start, end } = range === 'whole' ? { start: 0, end: sizeBytes - 1 } : range;
    if (range !== 'whole') void reply.code(206).header('content-range', `bytes ${start}-${end}/${sizeBytes}`);
    await reply.header('content-length', end - start + 1).send(this.blobs.read(sha256, start, end));
  }
}
