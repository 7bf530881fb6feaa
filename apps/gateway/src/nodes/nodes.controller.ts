import { Controller, Get, Inject, Post, Req } from '@nestjs/common';
import { z } from 'zod';
import {
  governanceDecide,
  governanceDecisions,
  membership,
  membershipDecision,
  nodeEntry,
  pageOf,
  thumbprint,
} from '#contracts';
import { WatershedError } from '#errors';
import { AuditLog } from '../audit/audit-log.js';
import type { Principal } from '../auth/engine/principal.js';
import { GATEWAY_CLUSTER, type GatewayCluster } from '../cluster/cluster.port.js';
import { ApiRoute } from '../http/api-route.decorator.js';
import { named, namedRequest } from '../http/api-schema.js';
import { type PageQuery, pageQuery } from '../http/contract.schemas.js';
import { decodeCursor, encodeCursor } from '../http/cursor.js';
import { type FastifyRequest, Who } from '../http/request.js';
import { ZodBody, ZodParam, ZodQuery } from '../http/zod.pipe.js';

const nodeSchema = named('Node', nodeEntry);
const nodesPage = named('NodesPage', pageOf(nodeSchema));
const decisionBody = namedRequest('DecideMembership', membershipDecision);
const decisionSchema = named('MembershipDecision', z.object(membershipDecision.shape));
const decisionsPage = named('DecisionsPage', pageOf(decisionSchema));
const membershipSchema = named('Membership', membership);

@Controller('v1/nodes')
export class NodesController {
  constructor(
    @Inject(GATEWAY_CLUSTER) private readonly cluster: GatewayCluster,
    private readonly audit: AuditLog,
  ) {}

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

  @Get('decisions')
  @ApiRoute({
    tag: 'governance',
    id: 'listDecisions',
    summary: 'Decisions on membership, signed',
    access: { scope: 'nodes:read' },
    paged: true,
    response: decisionsPage,
    errors: ['role_missing', 'cursor_invalid'],
  })
  decisions(@ZodQuery(pageQuery) query: PageQuery): Promise<z.output<typeof decisionsPage>> {
    return this.cluster.call(governanceDecisions, query);
  }

  @Post(':nodeId/membership')
  @ApiRoute({
    tag: 'governance',
    id: 'decideMembership',
    summary: 'Admit, pause or expel a node',
    description:
      "A decision document signed by an operator's key; `npm run -s watershed -- nodes` makes one. Repeated: the same decision.",
    access: { scope: 'nodes:manage' },
    params: { nodeId: { description: 'The node', example: 'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs' } },
    body: { schema: decisionBody, example: {} },
    response: membershipSchema,
    errors: ['role_missing', 'node_unknown', 'signature_invalid', 'conflict'],
  })
  decide(
    @Who() who: Principal,
    @Req() request: FastifyRequest,
    @ZodParam('nodeId', thumbprint) nodeId: string,
    @ZodBody(decisionBody) decision: z.output<typeof decisionBody>,
  ): Promise<z.output<typeof membershipSchema>> {
    if (decision.nodeId !== nodeId)
      throw new WatershedError('invalid_request', 'The decision names another node than the path.');
    const details = { state: decision.state, reason: decision.reason, decisionId: decision.decisionId };
    return this.audit.around(who, request.id, { action: 'node.membership', subject: nodeId, details }, async () => {
      const decided = await this.cluster.call(governanceDecide, { decision });
      return decided.membership;
    });
  }
}
