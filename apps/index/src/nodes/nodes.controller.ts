import { Controller, Inject } from '@nestjs/common';
import { BusHandler, type Caller } from '#bus';
import { indexChanges, indexClaim, indexJoin, indexLeave, type ParsedRequestOf, type ResponseOf } from '#contracts';
import { ResourceClaims } from '#node';
import { IndexEngine } from './engine/index-engine.js';

/** The bus edge of the index. Who calls is read from the channel: a node joins, leaves and beats only for itself. */
@Controller()
export class NodesController {
  constructor(
    @Inject(IndexEngine) private readonly engine: IndexEngine,
    @Inject(ResourceClaims) private readonly claims: ResourceClaims,
  ) {}

  @BusHandler(indexJoin)
  async join(request: ParsedRequestOf<typeof indexJoin>, caller: Caller): Promise<ResponseOf<typeof indexJoin>> {
    return this.engine.join(caller.nodeId, request.manifest);
  }

  @BusHandler(indexLeave)
  async leave(request: ParsedRequestOf<typeof indexLeave>, caller: Caller): Promise<ResponseOf<typeof indexLeave>> {
    await this.engine.leave(caller.nodeId, request.health);
    return {};
  }

  @BusHandler(indexChanges)
  async changes(request: ParsedRequestOf<typeof indexChanges>): Promise<ResponseOf<typeof indexChanges>> {
    return this.engine.changes(request.since);
  }

  @BusHandler(indexClaim)
  async claim(
    { resource, wanted, ttlMs }: ParsedRequestOf<typeof indexClaim>,
    { nodeId }: Caller,
  ): Promise<ResponseOf<typeof indexClaim>> {
    if (wanted === 'taken') return { holder: await this.claims.take(resource, nodeId, ttlMs) };
    await this.claims.release(resource, nodeId);
    return {};
  }
}
