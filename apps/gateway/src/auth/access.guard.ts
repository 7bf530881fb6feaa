import type { CanActivate, ExecutionContext } from '@nestjs/common';
import { isWatershedError, WatershedError } from '#errors';
import type { FastifyReply, FastifyRequest } from '../http/request.js';
import { ROUTE_ACCESS, type RouteAccess } from './access.decorators.js';
import { assertAccess } from './engine/scopes.js';
import type { Authentication } from './passport.strategies.js';
import type { RateLimits } from './rate-limits.js';

/** Who calls, whether they may, and whether they call too often; before any route of ours runs. */
export class AccessGuard implements CanActivate {
  constructor(
    private readonly authentication: Authentication,
    private readonly limits: () => RateLimits,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const access: RouteAccess | undefined = Reflect.getMetadata(ROUTE_ACCESS, context.getHandler());
    if (!access)
      throw new Error(`${context.getClass().name}.${context.getHandler().name} does not say who may call it`);
    const http = context.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const reply = http.getResponse<FastifyReply>();
    if (access.open) {
      if (access.limit !== 'none') await this.limits().address(request, reply);
      if (access.limit === 'recovery') await this.limits().recovery(request, reply);
      return true;
    }
    request.principal = await this.principal(request, reply);
    await this.limits().person(request, reply);
    assertAccess(request.principal, access);
    return true;
  }

  private async principal(request: FastifyRequest, reply: FastifyReply) {
    try {
      const principal = await this.authentication.authenticate(request, reply);
      if (principal) return principal;
    } catch (error) {
      if (isWatershedError(error) && error.code !== 'database_unavailable') await this.limits().address(request, reply);
      throw error;
    }
    await this.limits().address(request, reply);
    throw new WatershedError(
      'unauthenticated',
      'Send an API key as `X-API-Key`, or a key or token as `Authorization: Bearer …`.',
    );
  }
}
