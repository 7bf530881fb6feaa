import { Controller, Get, Inject, Post, Req } from '@nestjs/common';
import type { z } from 'zod';
import {
  governanceLog,
  governanceMembers,
  governanceProposal,
  governanceProposals,
  governancePropose,
  governanceVote,
  uuid,
} from '#contracts';
import { WatershedError } from '#errors';
import { AuditLog } from '../audit/audit-log.js';
import type { Principal } from '../auth/engine/principal.js';
import { GATEWAY_CLUSTER, type GatewayCluster } from '../cluster/cluster.port.js';
import { ApiRoute } from '../http/api-route.decorator.js';
import { type PageQuery, pageQuery } from '../http/contract.schemas.js';
import { decodeCursor, encodeCursor } from '../http/cursor.js';
import { type FastifyRequest, Who } from '../http/request.js';
import { ZodBody, ZodParam, ZodQuery } from '../http/zod.pipe.js';
import {
  ballotBody,
  logPage,
  operatorsSchema,
  proposalBody,
  recordSchema,
  recordsPage,
  tallySchema,
} from './governance.schemas.js';

const proposalParam = { proposalId: { description: 'The proposal', example: '0198c1a4-2f66-7c3e-9d53-7e6a5b1f4c20' } };

/** Carries what operators signed to governance and shows what was decided. No key of theirs ever comes here. */
@Controller('v1/governance')
export class GovernanceController {
  constructor(
    @Inject(GATEWAY_CLUSTER) private readonly cluster: GatewayCluster,
    private readonly audit: AuditLog,
  ) {}

  @Get('operators')
  @ApiRoute({
    tag: 'governance',
    id: 'listOperators',
    summary: 'Whose ballots count now',
    access: 'open',
    response: operatorsSchema,
    errors: ['no_node_available'],
  })
  async operators(): Promise<z.output<typeof operatorsSchema>> {
    return { items: (await this.cluster.call(governanceMembers, {})).operators };
  }

  @Get('log')
  @ApiRoute({
    tag: 'governance',
    id: 'decisionLog',
    summary: 'Everything that was decided, for anyone to count again',
    description:
      'Oldest first, each entry with the hash of the one before, each proposal and ballot as it was signed. ' +
      '`npm run -s watershed -- governance recount` counts it.',
    access: 'open',
    paged: true,
    response: logPage,
    errors: ['cursor_invalid', 'no_node_available'],
  })
  async log(@ZodQuery(pageQuery) { cursor, limit }: PageQuery): Promise<z.output<typeof logPage>> {
    const after = Number(decodeCursor('decisions', cursor, /^[0-9]{1,15}$/) ?? 0);
    const { entries, head } = await this.cluster.call(governanceLog, { after, limit });
    const last = entries.at(-1);
    const more = last !== undefined && last.seq < head.seq;
    return { items: entries, head, ...(more ? { nextCursor: encodeCursor('decisions', String(last.seq)) } : {}) };
  }

  @Get('proposals')
  @ApiRoute({
    tag: 'governance',
    id: 'listProposals',
    summary: 'Proposals and where they stand, newest first',
    access: 'open',
    paged: true,
    response: recordsPage,
    errors: ['cursor_invalid', 'no_node_available'],
  })
  proposals(@ZodQuery(pageQuery) query: PageQuery): Promise<z.output<typeof recordsPage>> {
    return this.cluster.call(governanceProposals, query);
  }

  @Get('proposals/:proposalId')
  @ApiRoute({
    tag: 'governance',
    id: 'getProposal',
    summary: 'One proposal with its ballots',
    access: 'open',
    params: proposalParam,
    response: recordSchema,
    errors: ['proposal_unknown', 'no_node_available'],
  })
  proposal(@ZodParam('proposalId', uuid) proposalId: string): Promise<z.output<typeof recordSchema>> {
    return this.cluster.call(governanceProposal, { proposalId });
  }

  @Post('proposals')
  @ApiRoute({
    tag: 'governance',
    id: 'openProposal',
    summary: 'Ask the operators to decide',
    description:
      "A proposal signed by an operator's key, which names all who may vote; " +
      '`npm run -s watershed -- nodes` and `operators` make one. Repeated: the same answer.',
    access: { scope: 'nodes:manage' },
    body: { schema: proposalBody, example: {} },
    status: 201,
    response: tallySchema,
    errors: ['role_missing', 'signature_invalid', 'operator_unknown', 'node_unknown', 'last_operator', 'conflict'],
  })
  propose(
    @Who() who: Principal,
    @Req() request: FastifyRequest,
    @ZodBody(proposalBody) proposal: z.output<typeof proposalBody>,
  ): Promise<z.output<typeof tallySchema>> {
    const { proposalId, kind, subject, openedBy } = proposal;
    const details = { proposalId, kind, openedBy };
    return this.audit.around(who, request.id, { action: 'proposal.open', subject, details }, async () => {
      return (await this.cluster.call(governancePropose, { proposal })).tally;
    });
  }

  @Post('proposals/:proposalId/ballots')
  @ApiRoute({
    tag: 'governance',
    id: 'castBallot',
    summary: 'Vote on a proposal',
    description:
      "A ballot signed by an operator's key; `npm run -s watershed -- proposals vote` makes one. The ballot that decides " +
      'has its effect before it is answered. Repeated: the same answer.',
    access: { scope: 'nodes:manage' },
    params: proposalParam,
    body: { schema: ballotBody, example: {} },
    response: tallySchema,
    errors: [
      'role_missing',
      'signature_invalid',
      'proposal_unknown',
      'proposal_closed',
      'ballot_conflict',
      'last_operator',
      'conflict',
    ],
  })
  vote(
    @Who() who: Principal,
    @Req() request: FastifyRequest,
    @ZodParam('proposalId', uuid) proposalId: string,
    @ZodBody(ballotBody) ballot: z.output<typeof ballotBody>,
  ): Promise<z.output<typeof tallySchema>> {
    if (ballot.proposalId !== proposalId) {
      throw new WatershedError('invalid_request', 'The ballot names another proposal than the path.');
    }
    const details = { choice: ballot.choice, operatorId: ballot.operatorId };
    return this.audit.around(who, request.id, { action: 'proposal.vote', subject: proposalId, details }, async () => {
      return (await this.cluster.call(governanceVote, { ballot })).tally;
    });
  }
}
