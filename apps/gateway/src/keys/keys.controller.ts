import { Controller, Delete, Get, Post, Req, Res } from '@nestjs/common';
import type { z } from 'zod';
import { uuid } from '#contracts';
import type { Principal } from '../auth/engine/principal.js';
import { ApiRoute } from '../http/api-route.decorator.js';
import { type PageQuery, pageQuery } from '../http/contract.schemas.js';
import { decodeCursor, encodeCursor } from '../http/cursor.js';
import { type FastifyReply, type FastifyRequest, Who } from '../http/request.js';
import { ZodBody, ZodParam, ZodQuery } from '../http/zod.pipe.js';
import { onceRequestOf, sendAnswer } from '../once/once.js';
import { issuedKey } from '../people/people.schemas.js';
import { KeysRepository } from './keys.repository.js';
import { createKeyBody, keysPage } from './keys.schemas.js';
import { KeysService } from './keys.service.js';

const keyIdParam = { keyId: { description: 'The key', example: '01926f0e-0000-7000-8000-000000000000' } };

@Controller('v1/keys')
export class KeysController {
  constructor(
    private readonly service: KeysService,
    private readonly repository: KeysRepository,
  ) {}

  @Post()
  @ApiRoute({
    tag: 'gateway',
    id: 'createKey',
    summary: 'Make a key',
    description:
      'For a device, a program or an agent. It can hold at most what the key you use holds, and never decides about keys, the account or consent.',
    access: { scope: 'keys:manage' },
    status: 201,
    once: true,
    body: { schema: createKeyBody, example: { label: 'laptop', scopes: ['infer'] } },
    response: issuedKey,
    errors: ['malformed_body'],
  })
  async create(
    @Who() who: Principal,
    @ZodBody(createKeyBody) body: z.output<typeof createKeyBody>,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    sendAnswer(reply, await this.service.create(who, body, onceRequestOf(request)));
  }

  @Get()
  @ApiRoute({
    tag: 'gateway',
    id: 'listKeys',
    summary: 'List my keys',
    access: { scope: 'keys:manage' },
    paged: true,
    response: keysPage,
    errors: ['cursor_invalid'],
  })
  async list(@Who() who: Principal, @ZodQuery(pageQuery) query: PageQuery): Promise<z.output<typeof keysPage>> {
    const items = await this.repository.list(
      who.personId,
      decodeCursor('keys', query.cursor, /^[0-9a-f-]{36}$/),
      query.limit,
    );
    const last = items.length === query.limit ? items.at(-1) : undefined;
    return { items, ...(last ? { nextCursor: encodeCursor('keys', last.keyId) } : {}) };
  }

  @Delete(':keyId')
  @ApiRoute({
    tag: 'gateway',
    id: 'revokeKey',
    summary: 'Revoke a key',
    description: 'Its tokens die with it.',
    access: { scope: 'keys:manage' },
    status: 204,
    params: keyIdParam,
    errors: ['not_found'],
  })
  async revoke(@Who() who: Principal, @ZodParam('keyId', uuid) keyId: string): Promise<void> {
    await this.service.revoke(who, keyId);
  }

  @Post(':keyId/rotate')
  @ApiRoute({
    tag: 'gateway',
    id: 'rotateKey',
    summary: 'Give a key a new secret',
    description: 'The new key has the same rights; the old one dies at once.',
    access: { scope: 'keys:manage' },
    status: 201,
    once: true,
    params: keyIdParam,
    response: issuedKey,
    errors: ['not_found', 'key_revoked'],
  })
  async rotate(
    @Who() who: Principal,
    @ZodParam('keyId', uuid) keyId: string,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    sendAnswer(reply, await this.service.rotate(who, keyId, onceRequestOf(request)));
  }
}
