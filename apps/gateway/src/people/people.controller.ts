import { Controller, Get, Patch, Post, Put, Req, Res } from '@nestjs/common';
import type { z } from 'zod';
import { type DataLocationPolicy, uuid } from '#contracts';
import { AuditLog } from '../audit/audit-log.js';
import type { Principal } from '../auth/engine/principal.js';
import { ApiRoute } from '../http/api-route.decorator.js';
import { type PageQuery, pageQuery, policyRequest } from '../http/contract.schemas.js';
import { decodeCursor, encodeCursor } from '../http/cursor.js';
import { type FastifyReply, type FastifyRequest, Who } from '../http/request.js';
import { ZodBody, ZodParam, ZodQuery } from '../http/zod.pipe.js';
import { onceRequestOf, sendAnswer } from '../once/once.js';
import { PeopleRepository, type Person, type PersonState } from './people.repository.js';
import {
  closeBody,
  closedSchema,
  meSchema,
  peoplePage,
  personSchema,
  personStateSchema,
  recoverBody,
  setRoleBody,
  signedUp,
  signUpBody,
} from './people.schemas.js';
import { PeopleService } from './people.service.js';

const uuidShape = /^[0-9a-f-]{36}$/;

@Controller('v1')
export class PeopleController {
  constructor(
    private readonly service: PeopleService,
    private readonly repository: PeopleRepository,
    private readonly audit: AuditLog,
  ) {}

  @Post('people')
  @ApiRoute({
    tag: 'gateway',
    id: 'signUp',
    summary: 'Sign up',
    description:
      'Makes a person with an opaque id, a first key and a recovery code, which are shown this once. Where signing up takes an invitation, send its code.',
    access: 'open',
    status: 201,
    once: true,
    body: { schema: signUpBody, example: {} },
    response: signedUp,
    errors: [
      'region_unknown',
      'policy_invalid',
      'sign_up_closed',
      'invitation_needed',
      'invitation_invalid',
      'malformed_body',
    ],
  })
  async signUp(
    @ZodBody(signUpBody) body: z.output<typeof signUpBody>,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    sendAnswer(reply, await this.service.signUp(body, onceRequestOf(request)));
  }

  @Post('people/recover')
  @ApiRoute({
    tag: 'gateway',
    id: 'recover',
    summary: 'Get an account back',
    description: 'Uses up the recovery code of the sign-up: every key dies, a new first key and a new code are shown.',
    access: 'recovery',
    status: 201,
    once: true,
    body: {
      schema: recoverBody,
      example: {
        personId: '01926f0e-0000-7000-8000-000000000000',
        recoveryCode: 'abcde-fghjk-mnpqr-stvwx-yz012-34567-89abc-defgh',
      },
    },
    response: signedUp,
    errors: ['unauthenticated', 'malformed_body'],
  })
  async recover(
    @ZodBody(recoverBody) body: z.output<typeof recoverBody>,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    sendAnswer(reply, await this.service.recover(body.personId, body.recoveryCode, onceRequestOf(request)));
  }

  @Get('people')
  @ApiRoute({
    tag: 'gateway',
    id: 'listPeople',
    summary: 'List people',
    access: { scope: 'people:manage' },
    paged: true,
    response: peoplePage,
    errors: ['cursor_invalid', 'role_missing'],
  })
  async list(@ZodQuery(pageQuery) query: PageQuery): Promise<z.output<typeof peoplePage>> {
    const after = decodeCursor('people', query.cursor, uuidShape);
    const items = await this.repository.list(after, query.limit);
    const last = items.length === query.limit ? items.at(-1) : undefined;
    return { items, ...(last ? { nextCursor: encodeCursor('people', last.personId) } : {}) };
  }

  @Get('people/:personId')
  @ApiRoute({
    tag: 'gateway',
    id: 'person',
    summary: 'See an account, and how far its closing has come',
    access: { scope: 'people:manage' },
    params: { personId: { description: 'Whom', example: '01926f0e-0000-7000-8000-000000000000' } },
    response: personStateSchema,
    errors: ['not_found', 'role_missing'],
  })
  person(@ZodParam('personId', uuid) personId: string): Promise<PersonState> {
    return this.service.state(personId);
  }

  @Put('people/:personId/role')
  @ApiRoute({
    tag: 'gateway',
    id: 'setRole',
    summary: 'Make someone an auditor, or a person again',
    access: { scope: 'people:manage' },
    params: { personId: { description: 'Whom', example: '01926f0e-0000-7000-8000-000000000000' } },
    body: { schema: setRoleBody, example: { role: 'auditor' } },
    response: personSchema,
    errors: ['not_found', 'role_missing'],
  })
  setRole(
    @Who() who: Principal,
    @Req() request: FastifyRequest,
    @ZodParam('personId', uuid) personId: string,
    @ZodBody(setRoleBody) body: z.output<typeof setRoleBody>,
  ): Promise<Person> {
    const entry = { action: 'person.role', subject: personId, details: { role: body.role } };
    return this.audit.around(who, request.id, entry, () => this.service.setRole(personId, body.role));
  }

  @Get('me')
  @ApiRoute({ tag: 'gateway', id: 'me', summary: 'Who am I?', access: { scope: 'account:read' }, response: meSchema })
  async me(@Who() who: Principal): Promise<z.output<typeof meSchema>> {
    const person = await this.service.read(who.personId);
    return { person, ...(who.keyId ? { keyId: who.keyId } : {}), scopes: [...who.scopes], via: who.via };
  }

  @Patch('me/policy')
  @ApiRoute({
    tag: 'gateway',
    id: 'setPolicy',
    summary: 'Change where my data may lie and go',
    access: { scope: 'account:manage' },
    body: { schema: policyRequest, example: { allowedRegions: ['EU/FR'] } },
    response: personSchema,
    errors: ['region_unknown', 'policy_invalid', 'malformed_body'],
  })
  setPolicy(@Who() who: Principal, @ZodBody(policyRequest) policy: DataLocationPolicy): Promise<Person> {
    return this.service.setPolicy(who.personId, who.homeRegion, policy);
  }

  @Post('me/close')
  @ApiRoute({
    tag: 'gateway',
    id: 'closeAccount',
    summary: 'Close my account, for good',
    description:
      'Keys and tokens die at once; what was kept for repeated requests is erased. Pods are erased and the rest of the purse goes back to issuance as soon as what runs has ended. The ledger keeps its entries, under an id that is never used again.',
    access: { scope: 'account:manage' },
    body: { schema: closeBody, example: { confirm: '01926f0e-0000-7000-8000-000000000000' } },
    response: closedSchema,
    errors: ['conflict', 'malformed_body', 'person_closed'],
  })
  close(
    @Who() who: Principal,
    @ZodBody(closeBody) { confirm }: z.output<typeof closeBody>,
  ): Promise<z.output<typeof closedSchema>> {
    return this.service.close(who, confirm);
  }
}
