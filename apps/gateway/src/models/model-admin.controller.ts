import type { IncomingMessage } from 'node:http';
import { Controller, Delete, Get, Inject, Param, Post, Put, Req, Res } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import type { z } from 'zod';
import {
  modelName,
  orchestratorDisplace,
  orchestratorPlace,
  orchestratorPlacements,
  registryBeginUpload,
  registryInspect,
  registryReview,
  registrySubmit,
  semver,
  sha256,
} from '#contracts';
import { WatershedError } from '#errors';
import { AuditLog } from '../audit/audit-log.js';
import type { Principal } from '../auth/engine/principal.js';
import { GATEWAY_CLUSTER, type GatewayCluster } from '../cluster/cluster.port.js';
import { ApiRoute } from '../http/api-route.decorator.js';
import { pageQuery } from '../http/contract.schemas.js';
import { type FastifyReply, type FastifyRequest, Who } from '../http/request.js';
import { ZodBody, ZodParam, ZodQuery } from '../http/zod.pipe.js';
import { modelNameOf } from '../inference/engine/model-path.js';
import { Once, onceRequestOf, sendAnswer } from '../once/once.js';
import { BlobUploads } from './blob-uploads.js';
import {
  beginUploadBody,
  inspectionSchema,
  placeBody,
  placementsPage,
  placementsSchema,
  reviewBody,
  submitBody,
  uploadedSchema,
  uploadSchema,
  versionSchema,
} from './models.schemas.js';

const manage = { scope: 'models:manage' } as const;
const digestParam = {
  sha256: {
    description: 'SHA-256 of the bytes, hex',
    example: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  },
};
const versionParams = {
  organisation: { description: 'Before the slash', example: 'watershed' },
  name: { description: 'After the slash', example: 'language-id' },
  version: { description: 'Semantic version', example: '1.0.0' },
};
const placeExample = { model: 'watershed/language-id' };
const placementsQuery = pageQuery.extend({ model: modelName.optional() });

@Controller('v1')
export class ModelAdminController {
  constructor(
    @Inject(GATEWAY_CLUSTER) private readonly cluster: GatewayCluster,
    private readonly uploads: BlobUploads,
    private readonly audit: AuditLog,
    private readonly once: Once,
  ) {}

  @Post('blobs')
  @ApiRoute({
    tag: 'registry',
    id: 'beginUpload',
    summary: 'Begin or go on with an upload',
    access: manage,
    status: 201,
    once: true,
    body: { schema: beginUploadBody, example: { sha256: digestParam.sha256.example, sizeBytes: 1_048_576 } },
    response: uploadSchema,
    errors: ['role_missing', 'storage_full', 'body_too_large'],
  })
  async begin(
    @Who() who: Principal,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @ZodBody(beginUploadBody) body: z.output<typeof beginUploadBody>,
  ): Promise<void> {
    const answer = await this.once.remote(onceRequestOf(request), async () => {
      const { complete, offsetBytes } = await this.audit.around(
        who,
        request.id,
        { action: 'blob.begin', subject: body.sha256, details: { sizeBytes: body.sizeBytes } },
        () => this.cluster.call(registryBeginUpload, body),
      );
      return { status: 201, body: { sha256: body.sha256, complete, offsetBytes, path: `/v1/blobs/${body.sha256}` } };
    });
    sendAnswer(reply, answer);
  }

  @Put('blobs/:sha256')
  @RouteConfig({ body: 'stream' })
  @ApiRoute({
    tag: 'registry',
    id: 'uploadBlob',
    summary: 'Send the bytes of a blob',
    description:
      'Streams to the registry, which verifies the digest. An upload that broke goes on with `Content-Range: bytes <from>-<to>/<size>` from `offsetBytes` of POST /v1/blobs.',
    access: manage,
    params: digestParam,
    bytes: ['application/octet-stream'],
    headers: [{ name: 'Content-Range', description: 'Where these bytes lie in the blob, when not all of it' }],
    response: uploadedSchema,
    errors: ['role_missing', 'digest_mismatch', 'storage_full', 'body_too_large', 'conflict', 'malformed_body'],
  })
  upload(
    @Who() who: Principal,
    @Req() request: FastifyRequest,
    @ZodParam('sha256', sha256) digest: string,
  ): Promise<z.output<typeof uploadedSchema>> {
    const body = request.body as IncomingMessage | undefined;
    if (!body) throw new WatershedError('malformed_body', 'The body is missing; send the bytes.');
    return this.audit.around(who, request.id, { action: 'blob.upload', subject: digest }, async () => {
      await this.uploads.upload(digest, body, request.headers);
      return { sha256: digest, complete: true as const };
    });
  }

  @Post('blobs/:sha256/inspect')
  @ApiRoute({
    tag: 'registry',
    id: 'inspectBlob',
    summary: 'What a manifest needs, read out of an ONNX file',
    access: manage,
    params: digestParam,
    response: inspectionSchema,
    errors: ['role_missing', 'blob_unknown', 'model_invalid'],
  })
  inspect(@ZodParam('sha256', sha256) digest: string): Promise<z.output<typeof inspectionSchema>> {
    return this.cluster.call(registryInspect, { sha256: digest });
  }

  @Post('models')
  @ApiRoute({
    tag: 'registry',
    id: 'submitModel',
    summary: 'Submit a version',
    description: 'The manifest is signed by its publisher; the same again is the same.',
    access: manage,
    status: 201,
    once: true,
    body: { schema: submitBody, example: {} },
    response: versionSchema,
    errors: ['role_missing', 'model_invalid', 'model_exists', 'blob_unknown', 'signature_invalid', 'digest_mismatch'],
  })
  async submit(
    @Who() who: Principal,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @ZodBody(submitBody) manifest: z.output<typeof submitBody>,
  ): Promise<void> {
    const entry = {
      action: 'model.submit',
      subject: manifest.name,
      details: { version: manifest.version, sha256: manifest.blob.sha256 },
    };
    const effect = async () => ({ status: 201, body: await this.cluster.call(registrySubmit, { manifest }) });
    sendAnswer(
      reply,
      await this.once.remote(onceRequestOf(request), () => this.audit.around(who, request.id, entry, effect)),
    );
  }

  @Post('models/:organisation/:name/:version/review')
  @ApiRoute({
    tag: 'registry',
    id: 'reviewModel',
    summary: 'Approve, reject or withdraw a version',
    access: manage,
    params: versionParams,
    body: { schema: reviewBody, example: { review: 'approved' } },
    response: versionSchema,
    errors: ['role_missing', 'model_unknown', 'conflict'],
  })
  review(
    @Who() who: Principal,
    @Req() request: FastifyRequest,
    @Param('organisation') organisation: string,
    @Param('name') part: string,
    @ZodParam('version', semver) version: string,
    @ZodBody(reviewBody) { review }: z.output<typeof reviewBody>,
  ): Promise<z.output<typeof versionSchema>> {
    const name = modelNameOf(`${organisation}/${part}`);
    return this.audit.around(
      who,
      request.id,
      { action: 'model.review', subject: name, details: { version, review } },
      () => this.cluster.call(registryReview, { name, version, review, reviewer: who.personId }),
    );
  }

  @Post('placements')
  @ApiRoute({
    tag: 'compute',
    id: 'place',
    summary: 'Have a model served',
    description: 'By one node, or by every runner that has room.',
    access: manage,
    status: 201,
    once: true,
    body: { schema: placeBody, example: placeExample },
    response: placementsSchema,
    errors: ['role_missing', 'model_unknown', 'node_unknown'],
  })
  async place(
    @Who() who: Principal,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @ZodBody(placeBody) body: z.output<typeof placeBody>,
  ): Promise<void> {
    const entry = { action: 'model.place', subject: body.model, details: detailsOf(body) };
    const effect = async () => ({ status: 201, body: await this.cluster.call(orchestratorPlace, body) });
    sendAnswer(
      reply,
      await this.once.remote(onceRequestOf(request), () => this.audit.around(who, request.id, entry, effect)),
    );
  }

  @Delete('placements')
  @ApiRoute({
    tag: 'compute',
    id: 'displace',
    summary: 'Have a model served no more',
    access: manage,
    queries: {
      model: { description: 'Which', example: 'watershed/language-id', required: true },
      version: { description: 'All versions when absent' },
      nodeId: { description: 'Everywhere when absent' },
    },
    response: placementsSchema,
    errors: ['role_missing', 'model_unknown'],
  })
  displace(
    @Who() who: Principal,
    @Req() request: FastifyRequest,
    @ZodQuery(placeBody) query: z.output<typeof placeBody>,
  ): Promise<z.output<typeof placementsSchema>> {
    const entry = { action: 'model.displace', subject: query.model, details: detailsOf(query) };
    return this.audit.around(who, request.id, entry, () => this.cluster.call(orchestratorDisplace, query));
  }

  @Get('placements')
  @ApiRoute({
    tag: 'compute',
    id: 'listPlacements',
    summary: 'What is served where, and how far it has come',
    access: manage,
    paged: true,
    queries: { model: { description: 'One model only', example: 'watershed/language-id' } },
    response: placementsPage,
    errors: ['role_missing', 'cursor_invalid'],
  })
  placements(
    @ZodQuery(placementsQuery) query: z.output<typeof placementsQuery>,
  ): Promise<z.output<typeof placementsPage>> {
    return this.cluster.call(orchestratorPlacements, query);
  }
}

function detailsOf({ version, nodeId }: z.output<typeof placeBody>) {
  return { ...(version ? { version } : {}), ...(nodeId ? { nodeId } : {}) };
}
