import { Controller, Delete, Get, Post, Req, Res } from '@nestjs/common';
import type { z } from 'zod';
import { uuid } from '#contracts';
import { WatershedError } from '#errors';
import { AuditLog } from '../audit/audit-log.js';
import { mintCode } from '../auth/engine/api-key.js';
import type { Principal } from '../auth/engine/principal.js';
import { ApiRoute } from '../http/api-route.decorator.js';
import { type PageQuery, pageQuery } from '../http/contract.schemas.js';
import { decodeCursor, encodeCursor } from '../http/cursor.js';
import { type FastifyReply, type FastifyRequest, Who } from '../http/request.js';
import { ZodBody, ZodParam, ZodQuery } from '../http/zod.pipe.js';
import { Once, onceRequestOf, sendAnswer } from '../once/once.js';
import { InvitationsRepository } from './invitations.repository.js';
import { invitationsPage, inviteBody, issuedInvitation } from './people.schemas.js';

@Controller('v1/invitations')
export class InvitationsController {
  constructor(
    private readonly invitations: InvitationsRepository,
    private readonly once: Once,
    private readonly audit: AuditLog,
  ) {}

  @Post()
  @ApiRoute({
    tag: 'gateway',
    id: 'invite',
    summary: 'Invite someone to sign up',
    description: 'Makes a one-use code, which is shown this once; `POST /v1/people` takes it as `invitation`.',
    access: { scope: 'people:manage' },
    status: 201,
    once: true,
    body: { schema: inviteBody, example: { label: 'the school in the valley', expiresInHours: 72 } },
    response: issuedInvitation,
    errors: ['role_missing', 'malformed_body'],
  })
  async invite(
    @Who() who: Principal,
    @ZodBody(inviteBody) body: z.output<typeof inviteBody>,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { code, hash } = mintCode();
    const answer = await this.once.remote(onceRequestOf(request), (invitationId) => {
      const entry = { action: 'invitation.create', subject: invitationId, details: { ...body } };
      return this.audit.around(who, request.id, entry, async () => {
        const made = await this.invitations.issue({ ...body, invitationId, hash, createdBy: who.personId });
        return { status: 201, body: { ...made, code }, replay: made };
      });
    });
    sendAnswer(reply, answer);
  }

  @Get()
  @ApiRoute({
    tag: 'gateway',
    id: 'listInvitations',
    summary: 'List invitations',
    access: { scope: 'people:manage' },
    paged: true,
    response: invitationsPage,
    errors: ['cursor_invalid', 'role_missing'],
  })
  async list(@ZodQuery(pageQuery) query: PageQuery): Promise<z.output<typeof invitationsPage>> {
    const after = decodeCursor('invitations', query.cursor, /^[0-9a-f-]{36}$/);
    const items = await this.invitations.list(after, query.limit);
    const last = items.length === query.limit ? items.at(-1) : undefined;
    return { items, ...(last ? { nextCursor: encodeCursor('invitations', last.invitationId) } : {}) };
  }

  @Delete(':invitationId')
  @ApiRoute({
    tag: 'gateway',
    id: 'revokeInvitation',
    summary: 'Revoke an invitation',
    access: { scope: 'people:manage' },
    status: 204,
    params: { invitationId: { description: 'The invitation', example: '01926f0e-0000-7000-8000-000000000000' } },
    errors: ['not_found', 'role_missing'],
  })
  async revoke(
    @Who() who: Principal,
    @Req() request: FastifyRequest,
    @ZodParam('invitationId', uuid) invitationId: string,
  ): Promise<void> {
    const entry = { action: 'invitation.revoke', subject: invitationId };
    await this.audit.around(who, request.id, entry, async () => {
      if (await this.invitations.revoke(invitationId)) return;
      throw new WatershedError('not_found', 'No invitation that is still unused has this id.');
    });
  }
}
