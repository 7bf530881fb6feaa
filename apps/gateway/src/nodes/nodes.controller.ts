import { Controller, Get, Inject } from '@nestjs/common';
import type { z } from 'zod';
import { nodeEntry, pageOf } from '#contracts';
import { GATEWAY_CLUSTER, type GatewayCluster } from '../cluster/cluster.port.js';
import { ApiRoute } from '../http/api-route.decorator.js';
import { named } from '../http/api-schema.js';
import { type PageQuery, pageQuery } from '../http/contract.schemas.js';
import { decodeCursor, encodeCursor } from '../http/cursor.js';
import { ZodQuery } from '../http/zod.pipe.js';

const nodeSchema = named('Node', nodeEntry);
const nodesPage = named('NodesPage', pageOf(nodeSchema));

@Controller('v1/nodes')
export class NodesController {
  constructor(@Inject(GATEWAY_CLUSTER) private readonly cluster: GatewayCluster) {}

  @Get()
  @ApiRoute({
    tag: 'index',
    id: 'listNodes',
    summary: 'Nodes as the index knows them',
    access: { scope: 'nodes:read' },
    paged: true,
    response: nodesPage,
    errors: ['role_missing', 'cursor_invalid'],
  })
  list(@ZodQuery(pageQuery) query: PageQuery): z.output<typeof nodesPage> {
    const after = decodeCursor('nodes', query.cursor, /^[A-Za-z0-9_-]{43}$/);
    const sorted = [...this.cluster.nodes()].sort((one, other) => (one.nodeId < other.nodeId ? -1 : 1));
    const items = sorted.filter(({ nodeId }) => after === undefined || nodeId > after).slice(0, query.limit);
    const last = items.length === query.limit ? items.at(-1) : undefined;
    return { items, ...(last ? { nextCursor: encodeCursor('nodes', last.nodeId) } : {}) };
  }
}
