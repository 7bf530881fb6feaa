import { PassportStrategy } from '@nestjs/passport';
import passport from 'passport';
import { Strategy } from 'passport-custom';
import type { FastifyReply, FastifyRequest } from '../http/request.js';
import type { AccessDirectory } from './engine/access-directory.js';
import type { Principal } from './engine/principal.js';

export interface TokenAuthentication {
  /** Throws `token_invalid`, `token_expired` or what the key behind the token is refused by. */
  authenticate(token: string): Promise<Principal>;
}

type Validate = (request: FastifyRequest) => Promise<Principal | undefined>;
type Middleware = (request: FastifyRequest, reply: FastifyReply, next: (error?: unknown) => void) => void;

/** The strategies' order: a bearer that looks like a key is a key, whatever else is a token. */
const strategyNames = ['api-key', 'jwt'];

/**
 * Passport with the two ways of being known. Its registry of strategies is this gateway's own, not Passport's global
 * one: two gateways in one process keep their own keys and issuers.
 */
export class Authentication {
  private readonly passport = new passport.Passport();

  constructor(directory: AccessDirectory, tokens: TokenAuthentication) {
    this.register('api-key', async (request) => {
      const key = presentedKey(request);
      return key === undefined ? undefined : directory.authenticate(key);
    });
    this.register('jwt', async (request) => {
      const token = bearerOf(request);
      return token === undefined ? undefined : tokens.authenticate(token);
    });
  }

  /** Undefined when nothing was presented; throws what a strategy refused it by. */
  authenticate(request: FastifyRequest, reply: FastifyReply): Promise<Principal | undefined> {
    return new Promise((resolve, reject) => {
      const done = (error: unknown, principal?: Principal | false | null) => {
        if (error) reject(error);
        else resolve(principal || undefined);
      };
      const middleware: Middleware = this.passport.authenticate(strategyNames, { session: false }, done);
      middleware(request, reply, (error) => (error ? reject(error) : resolve(undefined)));
    });
  }

  private register(name: string, validate: Validate): void {
    const registry = this.passport;
    class OwnStrategy extends PassportStrategy(Strategy, name) {
      getPassportInstance() {
        return registry;
      }
      validate(request: FastifyRequest): Promise<Principal | undefined> {
        return validate(request);
      }
    }
    new OwnStrategy();
  }
}

function presentedKey(request: FastifyRequest): string | undefined {
  const header = request.headers['x-api-key'];
  if (typeof header === 'string' && header !== '') return header;
  const bearer = bearerOf(request);
  return bearer?.startsWith('wsk_') ? bearer : undefined;
}

function bearerOf(request: FastifyRequest): string | undefined {
  const { authorization } = request.headers;
  if (authorization === undefined || authorization.length > 16_384) return undefined;
  return /^Bearer +([^\s]+)$/i.exec(authorization)?.[1];
}
