import { Controller, Get, Post } from '@nestjs/common';
import { z } from 'zod';
import { WatershedError } from '#errors';
import type { Principal } from '../auth/engine/principal.js';
import { scopes, scopesForToken } from '../auth/engine/scopes.js';
import { ApiRoute } from '../http/api-route.decorator.js';
import { named, namedRequest } from '../http/api-schema.js';
import { Who } from '../http/request.js';
import { ZodBody } from '../http/zod.pipe.js';
import { TokenIssuer } from './token-issuer.js';

const exchangeBody = namedRequest(
  'TokenExchange',
  z.strictObject({
    scopes: z
      .array(z.enum(scopes))
      .min(1)
      .optional()
      .describe("The key's, less what decides about the account, when absent"),
    lifetimeSeconds: z
      .number()
      .int()
      .min(10)
      .max(86_400)
      .optional()
      .describe("The cluster's own when absent; `expiresInSeconds` says what it became"),
  }),
);

const tokenAnswer = named(
  'Token',
  z.object({
    token: z.string(),
    tokenType: z.literal('Bearer'),
    expiresInSeconds: z.number().int(),
    scopes: z.array(z.enum(scopes)),
  }),
);

const jwks = named('Jwks', z.object({ keys: z.array(z.record(z.string(), z.string())) }));

@Controller()
export class TokensController {
  constructor(private readonly issuer: TokenIssuer) {}

  @Post('v1/token')
  @ApiRoute({
    tag: 'gateway',
    id: 'exchangeKey',
    summary: 'Exchange a key for a short-lived token',
    description:
      'Authenticate with the key; a token gives no other token. The token dies with its key. Send it as `Authorization: Bearer`.',
    access: {},
    status: 200,
    body: { schema: exchangeBody, example: {} },
    response: tokenAnswer,
  })
  async exchange(
    @Who() who: Principal,
    @ZodBody(exchangeBody) body: z.output<typeof exchangeBody>,
  ): Promise<z.output<typeof tokenAnswer>> {
    if (who.via !== 'api-key' || !who.keyId) {
      throw new WatershedError('unauthenticated', 'Exchange an API key; a token gives no other token.');
    }
    const granted = scopesForToken(body.scopes, [...who.scopes]);
    const issued = await this.issuer.issue({
      personId: who.personId,
      keyId: who.keyId,
      scopes: granted,
      lifetimeSeconds: body.lifetimeSeconds,
    });
    return { ...issued, tokenType: 'Bearer', scopes: granted };
  }

  @Get('.well-known/jwks.json')
  @ApiRoute({
    tag: 'gateway',
    id: 'jwks',
    summary: 'Public keys of the built-in issuer',
    access: 'open',
    response: jwks,
  })
  keys(): object {
    return this.issuer.jwks();
  }
}
