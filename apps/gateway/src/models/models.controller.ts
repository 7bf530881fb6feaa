import { Controller, Get, Inject, Param, Post, Put, Query, Req } from '@nestjs/common';
import { z } from 'zod';
import { type ModelVersion, modelName, modelReviewState, registryModels, tollSetPrice } from '#contracts';
import { AuditLog } from '../audit/audit-log.js';
import type { Principal } from '../auth/engine/principal.js';
import { GATEWAY_CLUSTER, type GatewayCluster } from '../cluster/cluster.port.js';
import { ApiRoute } from '../http/api-route.decorator.js';
import { pageQuery } from '../http/contract.schemas.js';
import { type FastifyRequest, Who } from '../http/request.js';
import { ZodBody, ZodPipe, ZodQuery } from '../http/zod.pipe.js';
import { modelNameOf } from '../inference/engine/model-path.js';
import { CachedPrices } from '../inference/inference.adapters.js';
import { ModelCatalogue } from './model-catalogue.js';
import { modelSchema, modelsPage, priceListSchema, quoteBody, quoteSchema, setPriceBody } from './models.schemas.js';

const modelsQuery = pageQuery.extend({
  review: modelReviewState.default('approved'),
  all: z.stringbool().default(false),
});
const namePipe = new ZodPipe(modelName);
const modelParams = {
  organisation: { description: 'Before the slash', example: 'watershed' },
  name: { description: 'After the slash', example: 'language-id' },
};

@Controller('v1')
export class ModelsController {
  constructor(
    @Inject(GATEWAY_CLUSTER) private readonly cluster: GatewayCluster,
    private readonly catalogue: ModelCatalogue,
    private readonly prices: CachedPrices,
    private readonly audit: AuditLog,
  ) {}

  @Get('models')
  @ApiRoute({
    tag: 'registry',
    id: 'listModels',
    summary: 'Models, with their prices',
    access: { scope: 'infer' },
    paged: true,
    queries: {
      review: {
        description: 'In this state of review',
        schema: { type: 'string', enum: [...modelReviewState.options], default: 'approved' },
      },
      all: { description: 'In any state of review', schema: { type: 'boolean', default: false } },
    },
    response: modelsPage,
    errors: ['cursor_invalid', 'no_node_available'],
  })
  async list(@ZodQuery(modelsQuery) query: z.output<typeof modelsQuery>): Promise<z.output<typeof modelsPage>> {
    const { all, review, ...paging } = query;
    const page = await this.cluster.call(registryModels, { ...paging, ...(all ? {} : { review }) });
    const items = await Promise.all(page.items.map((each) => this.shown(each)));
    return { items, ...(page.nextCursor ? { nextCursor: page.nextCursor } : {}) };
  }

  @Get('models/:organisation/:name')
  @ApiRoute({
    tag: 'registry',
    id: 'getModel',
    summary: 'One model',
    access: { scope: 'infer' },
    params: modelParams,
    queries: { version: { description: 'The newest approved one when absent', example: '1.0.0' } },
    response: modelSchema,
    errors: ['model_unknown'],
  })
  async read(
    @Param('organisation') organisation: string,
    @Param('name') name: string,
    @Query('version') version?: string,
  ): Promise<z.output<typeof modelSchema>> {
    return this.shown(await this.catalogue.version(modelNameOf(`${organisation}/${name}`), version));
  }

  @Post('prices/quote')
  @ApiRoute({
    tag: 'toll',
    id: 'quote',
    summary: 'What would this cost?',
    description:
      'The price of one request by the size of its input in UTF-8 bytes, exactly as it would be charged now. Whether such a model is there is not asked.',
    access: { scope: 'infer' },
    body: {
      schema: quoteBody,
      example: { model: 'watershed/language-id', text: 'Ogni persona ha diritto alla libertà.' },
    },
    response: quoteSchema,
    errors: ['malformed_body', 'no_node_available'],
  })
  async quote(@ZodBody(quoteBody) body: z.output<typeof quoteBody>): Promise<z.output<typeof quoteSchema>> {
    const sizeBytes = body.sizeBytes ?? Buffer.byteLength(body.text ?? '');
    const { version } = await this.prices.list();
    const { amountMicro, asset } = await this.prices.priceOf(body.model, sizeBytes);
    return { model: body.model, sizeBytes, amountMicro: amountMicro.toString(), asset, priceListVersion: version };
  }

  @Put('prices/:organisation/:name')
  @ApiRoute({
    tag: 'toll',
    id: 'setPrice',
    summary: "Set a model's price",
    access: { scope: 'models:manage' },
    params: modelParams,
    body: { schema: setPriceBody, example: { baseMicro: '100', perKibMicro: '50' } },
    response: priceListSchema,
    errors: ['amount_invalid', 'role_missing'],
  })
  async setPrice(
    @Who() who: Principal,
    @Req() request: FastifyRequest,
    @Param('organisation') organisation: string,
    @Param('name') name: string,
    @ZodBody(setPriceBody) body: z.output<typeof setPriceBody>,
  ): Promise<z.output<typeof priceListSchema>> {
    const model = namePipe.transform(`${organisation}/${name}`, { type: 'param' });
    const set = await this.audit.around(who, request.id, { action: 'price.set', subject: model, details: body }, () =>
      this.cluster.call(tollSetPrice, { model, ...body }),
    );
    this.prices.forget();
    return set.priceList;
  }

  private async shown(version: ModelVersion): Promise<z.output<typeof modelSchema>> {
    const list = await this.prices.list();
    const { baseMicro, perKibMicro } = list.models.find((each) => each.model === version.name) ?? list.default;
    const ready = this.cluster
      .find('runner')
      .some(({ models }) =>
        models.some((each) => each.name === version.name && each.version === version.version && each.ready),
      );
    return { ...version, price: { baseMicro, perKibMicro, asset: list.asset }, ready };
  }
}
