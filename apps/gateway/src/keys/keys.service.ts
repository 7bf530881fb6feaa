import { WatershedError } from '#errors';
import type { Database } from '#persistence';
import type { Principal } from '../auth/engine/principal.js';
import { type Scope, scopesForNewKey } from '../auth/engine/scopes.js';
import type { Answer, Once, OnceRequest } from '../once/once.js';
import { issued, type PeopleService } from '../people/people.service.js';
import type { KeysRepository } from './keys.repository.js';

export interface CreateKey {
  readonly scopes?: readonly Scope[];
  readonly label: string;
  readonly expiresAt?: string;
}

export class KeysService {
  constructor(
    private readonly parts: {
      readonly database: Database;
      readonly keys: KeysRepository;
      readonly once: Once;
      readonly people: PeopleService;
    },
  ) {}

  /** An ordinary key: never one that decides about keys, the account or consent. */
  create(who: Principal, body: CreateKey, request: OnceRequest | undefined): Promise<Answer> {
    const scopes = scopesForNewKey(body.scopes, [...who.scopes]);
    const expiresAt = body.expiresAt ? new Date(body.expiresAt) : undefined;
    if (expiresAt && expiresAt.getTime() <= Date.now()) {
      throw new WatershedError('invalid_request', 'Correct this: expiresAt: must lie in the future');
    }
    return this.parts.once.local(request, async (tx) => {
      await this.parts.keys.lockHolder(tx, who.personId, who.keyId);
      const made = await this.parts.keys.insert(tx, {
        personId: who.personId,
        scopes,
        label: body.label,
        first: false,
        expiresAt,
      });
      return { status: 201, body: { ...issued(made.key), secret: made.secret }, replay: issued(made.key) };
    });
  }

  /** The same rights under a new secret; the old key dies in the same commit. */
  async rotate(who: Principal, keyId: string, request: OnceRequest | undefined): Promise<Answer> {
    const answer = await this.parts.once.local(request, async (tx) => {
      await this.parts.keys.lockHolder(tx, who.personId, who.keyId);
      const old = await this.parts.keys.find(tx, who.personId, keyId);
      if (!old) throw new WatershedError('not_found', 'None of your keys has this id.');
      if (!(await this.parts.keys.revoke(tx, who.personId, keyId))) {
        throw new WatershedError('key_revoked', 'This key was revoked; make a new one.');
      }
      const expiresAt = renewed(old.createdAt, old.expiresAt);
      const made = await this.parts.keys.insert(tx, {
        personId: who.personId,
        scopes: old.scopes,
        label: old.label,
        first: old.first,
        rotatedFrom: keyId,
        expiresAt,
      });
      return { status: 201, body: { ...issued(made.key), secret: made.secret }, replay: issued(made.key) };
    });
    await this.parts.people.changed({ keyId });
    return answer;
  }

  async revoke(who: Principal, keyId: string): Promise<void> {
    await this.parts.database.transaction(async (tx) => {
      const key = await this.parts.keys.find(tx, who.personId, keyId);
      if (!key) throw new WatershedError('not_found', 'None of your keys has this id.');
      await this.parts.keys.revoke(tx, who.personId, keyId);
    });
    await this.parts.people.changed({ keyId });
  }
}

/** A key that lives for a month lives for a month again. */
function renewed(createdAt: string, expiresAt: string | undefined): Date | undefined {
  if (!expiresAt) return undefined;
  return new Date(Date.now() + Math.max(60_000, Date.parse(expiresAt) - Date.parse(createdAt)));
}
