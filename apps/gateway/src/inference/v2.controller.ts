import { Controller, Get, Param, Post, Req, Res } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import { z } from 'zod';
import { tensorSpec } from '#contracts';
import { WatershedError } from '#errors';
import type { Principal } from '../auth/engine/principal.js';
import { ApiRoute } from '../http/api-route.decorator.js';
import { named, namedRequest } from '../http/api-schema.js';
import { Drain } from '../http/drain.js';
import { type FastifyReply, type FastifyRequest, Who } from '../http/request.js';
import { ModelCatalogue } from '../models/model-catalogue.js';
import { sendAnswer } from '../once/once.js';
import { modelNameOf, pathNameOf } from './engine/model-path.js';
import { IndexRunners } from './inference.adapters.js';
import { InferenceService } from './inference.service.js';

const serverMetadata = named(
  'V2Server',
  z.object({ name: z.string(), version: z.string(), extensions: z.array(z.string()) }),
);
const readiness = named('V2Ready', z.object({ ready: z.boolean() }));
const tensor = tensorSpec.pick({ name: true, datatype: true, shape: true });
const modelMetadata = named(
  'V2Model',
  z.object({
    name: z.string(),
    versions: z.array(z.string()),
    platform: z.string(),
    inputs: z.array(tensor),
    outputs: z.array(tensor),
  }),
);

const v2Request = namedRequest(
  'V2InferRequest',
  z.object({
    id: z.string().optional(),
    inputs: z.array(
      tensorSpec.extend({
        data: z.array(z.unknown()).optional(),
        parameters: z.record(z.string(), z.unknown()).optional(),
      }),
    ),
    outputs: z
      .array(z.object({ name: z.string(), parameters: z.record(z.string(), z.unknown()).optional() }))
      .optional(),
    parameters: z.record(z.string(), z.unknown()).optional(),
  }),
);
const v2Answer = named(
  'V2InferAnswer',
  z.object({
    model_name: z.string(),
    model_version: z.string().optional(),
    id: z.string().optional().describe('The `id` of the request'),
    outputs: z.array(
      tensorSpec.extend({
        data: z.array(z.unknown()).optional().describe('Row by row; absent where the tensor follows as bytes'),
        parameters: z.record(z.string(), z.unknown()).optional(),
      }),
    ),
    parameters: z.record(z.string(), z.unknown()).optional(),
  }),
);
const v2Example = { inputs: [{ name: 'utf8', datatype: 'UINT8', shape: [5], data: [104, 101, 108, 108, 111] }] };

const modelParam = {
  model: { description: 'A name as /v1 has it, with `--` for its slash', example: 'watershed--language-id' },
};
const versionParams = { ...modelParam, version: { description: "Triton's integer version, or ours", example: '1' } };
const inferErrors = [
  'model_unknown',
  'model_not_ready',
  'tensor_invalid',
  'tensor_out_of_range',
  'tensor_shape_mismatch',
  'input_too_deep',
  'purse_empty',
  'policy_forbids',
  'model_crashed',
  'inference_failed',
  'overloaded',
  'deadline_exceeded',
  'body_too_large',
  'unsupported_media_type',
] as const;
const inferDescription =
  'Open Inference Protocol v2: JSON, or a JSON head of `Inference-Header-Content-Length` bytes with binary tensors after it, in each direction. Costs what `POST /v1/prices/quote` says of the whole body in bytes. Clients of Triton work with an `Authorization` header.';
const metadataRoute = {
  tag: 'compute',
  summary: 'Metadata of a model',
  access: { scope: 'infer' },
  response: modelMetadata,
  errors: ['model_unknown'],
} as const;
const readyRoute = {
  tag: 'compute',
  summary: 'Whether a model can be asked now',
  access: { scope: 'infer' },
  response: readiness,
  errors: ['model_unknown', 'model_not_ready'],
} as const;
const inferRoute = {
  tag: 'compute',
  summary: 'Ask a model about tensors',
  description: inferDescription,
  access: { scope: 'infer' },
  status: 200,
  once: true,
  body: { schema: v2Request, example: v2Example },
  bytes: ['application/octet-stream'],
  response: v2Answer,
  answers: ['application/octet-stream'],
  answerHeaders: ['Watershed-Cost-Micro', 'Inference-Header-Content-Length'],
  errors: inferErrors,
  headers: [
    {
      name: 'Inference-Header-Content-Length',
      description: 'Length of the JSON head of a request with binary tensors',
    },
  ],
} as const;

@Controller('v2')
export class V2Controller {
  constructor(
    private readonly service: InferenceService,
    private readonly catalogue: ModelCatalogue,
    private readonly runners: IndexRunners,
    private readonly drain: Drain,
  ) {}

  @Get()
  @ApiRoute({
    tag: 'compute',
    id: 'v2Server',
    summary: 'Metadata of the server',
    access: 'free',
    response: serverMetadata,
  })
  server(): z.output<typeof serverMetadata> {
    return { name: 'watershed', version: '1', extensions: ['binary_tensor_data'] };
  }

  @Get('health/live')
  @ApiRoute({ tag: 'compute', id: 'v2Live', summary: 'Whether the gateway lives', access: 'free', response: readiness })
  live(): z.output<typeof readiness> {
    return { ready: true };
  }

  @Get('health/ready')
  @ApiRoute({
    tag: 'compute',
    id: 'v2Ready',
    summary: 'Whether the gateway takes requests',
    access: 'free',
    response: readiness,
    errors: ['shutting_down'],
  })
  ready(): z.output<typeof readiness> {
    if (this.drain.draining) throw new WatershedError('shutting_down', 'This gateway is stopping. Use another.');
    return { ready: true };
  }

  @Get('models/:model')
  @ApiRoute({ ...metadataRoute, id: 'v2Model', params: modelParam })
  metadata(@Param('model') model: string): Promise<z.output<typeof modelMetadata>> {
    return this.describe(model, undefined);
  }

  @Get('models/:model/versions/:version')
  @ApiRoute({ ...metadataRoute, id: 'v2ModelVersion', params: versionParams })
  versionMetadata(
    @Param('model') model: string,
    @Param('version') version: string,
  ): Promise<z.output<typeof modelMetadata>> {
    return this.describe(model, version);
  }

  @Get('models/:model/ready')
  @ApiRoute({ ...readyRoute, id: 'v2ModelReady', params: modelParam })
  modelReady(@Param('model') model: string): Promise<z.output<typeof readiness>> {
    return this.isReady(model, undefined);
  }

  @Get('models/:model/versions/:version/ready')
  @ApiRoute({ ...readyRoute, id: 'v2ModelVersionReady', params: versionParams })
  versionReady(@Param('model') model: string, @Param('version') version: string): Promise<z.output<typeof readiness>> {
    return this.isReady(model, version);
  }

  @Post('models/:model/infer')
  @RouteConfig({ body: 'bytes' })
  @ApiRoute({ ...inferRoute, id: 'v2Infer', params: modelParam })
  infer(
    @Who() who: Principal,
    @Param('model') model: string,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    return this.run(who, request, reply, model, undefined);
  }

  @Post('models/:model/versions/:version/infer')
  @RouteConfig({ body: 'bytes' })
  @ApiRoute({ ...inferRoute, id: 'v2InferVersion', params: versionParams })
  inferVersion(
    @Who() who: Principal,
    @Param('model') model: string,
    @Param('version') version: string,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    return this.run(who, request, reply, model, version);
  }

  private async run(
    who: Principal,
    request: FastifyRequest,
    reply: FastifyReply,
    path: string,
    asked: string | undefined,
  ): Promise<void> {
    const model = modelNameOf(path);
    const { body, headers } = request;
    if (!(body instanceof Uint8Array))
      throw new WatershedError('malformed_body', 'The body is missing; send an inference request.');
    if (headers['content-encoding'] !== undefined && headers['content-encoding'] !== 'identity') {
      throw new WatershedError('unsupported_media_type', 'Send the tensors without Content-Encoding.');
    }
    const headerLength = headers['inference-header-content-length'];
    const inference = {
      model,
      version: asked === undefined ? undefined : (await this.catalogue.version(model, asked)).version,
      form: 'tensors' as const,
      contentType: headerLength === undefined ? 'application/json' : 'application/octet-stream',
      ...(typeof headerLength === 'string' ? { headerLength } : {}),
      body,
      inputBytes: body.byteLength,
    };
    const answered = await this.service.infer(who, request, reply, inference, ({ answer }) => ({
      status: 200,
      body: answer.body,
      contentType: answer.contentType,
      ...(answer.headerLength === undefined
        ? {}
        : { headers: { 'inference-header-content-length': answer.headerLength } }),
    }));
    sendAnswer(reply, answered);
  }

  /** Says what an inference would meet now: both go by the runners, which a withdrawal reaches a moment after the catalogue. */
  private async isReady(path: string, asked: string | undefined): Promise<z.output<typeof readiness>> {
    const model = modelNameOf(path);
    const version = asked === undefined ? undefined : (await this.catalogue.version(model, asked)).version;
    if (this.runners.pick({ model, version, except: [] }).runner) return { ready: true };
    await this.catalogue.version(model, asked);
    throw new WatershedError('model_not_ready', `${model} is not loaded now.`, { retryAfterMs: 1_000 });
  }

  private async describe(path: string, asked: string | undefined): Promise<z.output<typeof modelMetadata>> {
    const model = modelNameOf(path);
    const { manifest, serial } = await this.catalogue.version(model, asked);
    const batched = manifest.maxBatchSize > 0;
    const described = ({ name, datatype, shape }: z.output<typeof tensor>) => ({
      name,
      datatype,
      shape: batched ? [-1, ...shape] : shape,
    });
    return {
      name: pathNameOf(model),
      versions: [String(serial)],
      platform: 'onnxruntime_onnx',
      inputs: manifest.inputs.map(described),
      outputs: manifest.outputs.map(described),
    };
  }
}
