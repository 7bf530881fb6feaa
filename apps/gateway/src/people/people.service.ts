import { uuidv7 } from 'uuidv7';
import { accessChanged, type DataLocationPolicy } from '#contracts';
import { WatershedError } from '#errors';
import { type Database, isUniqueViolation } from '#persistence';
import { defaultPolicy } from '#policy';
import type { Logger } from '#telemetry';
import type { AccessDirectory } from '../auth/engine/access-directory.js';
import { hashOfCode, mintCode } from '../auth/engine/api-key.js';
import type { PersonRecord, Principal } from '../auth/engine/principal.js';
import { firstKeyScopes, type Role } from '../auth/engine/scopes.js';
import type { GatewayCluster } from '../cluster/cluster.port.js';
import type { SignUpMode } from '../config.js';
import type { Key, KeysRepository } from '../keys/keys.repository.js';
import type { Answer, Once, OnceRequest } from '../once/once.js';
import type { InvitationsRepository } from './invitations.repository.js';
import { knownPolicy } from './known-policy.js';
import type { PeopleRepository, Person, PersonState } from './people.repository.js';

export interface SignUp {
  readonly homeRegion?: string;
  readonly defaultPolicy?: DataLocationPolicy;
  readonly label: string;
  readonly invitation?: string;
}

export interface PeopleParts {
  readonly database: Database;
  readonly people: PeopleRepository;
  readonly keys: KeysRepository;
  readonly once: Once;
  readonly access: AccessDirectory;
  readonly cluster: GatewayCluster;
  readonly logger: Logger;
  readonly invitations: InvitationsRepository;
  readonly signUpMode: SignUpMode;
  /** Money that this gateway has set aside for someone who goes. */
  readonly giveBack: (personId: string) => void;
  /** Called after a commit that wrote to the outbox, to spare its way through the database. */
  readonly wakeOutbox: () => void;
}

export class PeopleService {
  constructor(private readonly parts: PeopleParts) {}

  async signUp(body: SignUp, request: OnceRequest | undefined): Promise<Answer> {
    const { once, people, keys, invitations, wakeOutbox } = this.parts;
    this.assertMaySignUp(body.invitation !== undefined);
    const homeRegion = body.homeRegion ?? this.parts.cluster.region;
    const policy = knownPolicy(body.defaultPolicy ?? defaultPolicy(homeRegion), homeRegion);
    const recovery = mintCode();
    const answer = await once.local(request, async (tx, personId) => {
      const person = await people.insert(tx, {
        personId,
        role: 'person',
        homeRegion,
        policy,
        label: body.label,
        recoveryHash: recovery.hash,
      });
      // In the person's own transaction: two who bring the same code are one person, or none.
      if (body.invitation !== undefined) await invitations.redeem(tx, hashOfCode(body.invitation), personId);
      const { key, secret } = await keys.insert(tx, {
        personId,
        scopes: firstKeyScopes('person'),
        label: 'first key',
        first: true,
      });
      return {
        status: 201,
        body: { person, key: { ...issued(key), secret }, recoveryCode: recovery.code },
        replay: { person, key: issued(key) },
      };
    });
    wakeOutbox();
    return answer;
  }

  /** Who has the one-use code gets a new first key; every key before it dies. */
  async recover(personId: string, code: string, request: OnceRequest | undefined): Promise<Answer> {
    const { once, people, keys } = this.parts;
    const next = mintCode();
    const answer = await once.local(request, async (tx) => {
      const found = await people.useRecoveryCode(tx, personId, hashOfCode(code), next.hash);
      if (!found) throw new WatershedError('unauthenticated', 'This recovery code is unknown or was used.');
      await keys.revokeAll(tx, personId);
      const scopes = firstKeyScopes(found.role);
      const { key, secret } = await keys.insert(tx, { personId, scopes, label: 'recovered', first: true });
      return {
        status: 201,
        body: { person: found.person, key: { ...issued(key), secret }, recoveryCode: next.code },
        replay: { person: found.person, key: issued(key) },
      };
    });
    await this.changed({ personId });
    return answer;
  }

  async read(personId: string): Promise<Person> {
    const person = await this.parts.people.read(personId);
    if (!person) throw new WatershedError('not_found', 'No such person.');
    return person;
  }

  async state(personId: string): Promise<PersonState> {
    const found = await this.parts.people.state(personId);
    if (!found) throw new WatershedError('not_found', 'No such person.');
    return found;
  }

  async setPolicy(personId: string, homeRegion: string, policy: DataLocationPolicy): Promise<Person> {
    const person = await this.parts.people.setPolicy(personId, knownPolicy(policy, homeRegion));
    await this.changed({ personId });
    return person;
  }

  async setRole(personId: string, role: Role): Promise<Person> {
    const person = await this.parts.people.setRole(personId, role);
    if (!person)
      throw new WatershedError('not_found', 'No such person, or an operator, whose role no other operator changes.');
    await this.changed({ personId });
    return person;
  }

  /** Keys and tokens die at once; pods and purse follow. Throws `invalid_request` unless it is confirmed by the own id. */
  async close(who: Principal, confirm: string): Promise<{ personId: string; closedAt: string }> {
    const { personId, role } = who;
    if (confirm !== personId) {
      throw new WatershedError(
        'invalid_request',
        'To close your account for good, send your own person id as `confirm`; GET /v1/me says it.',
      );
    }
    if (role === 'operator') {
      throw new WatershedError(
        'conflict',
        "An operator's account stays as long as they are an operator of this cluster; it cannot be closed here.",
      );
    }
    const closedAt = await this.parts.people.close(personId);
    this.parts.giveBack(personId);
    this.parts.wakeOutbox();
    await this.changed({ personId });
    return { personId, closedAt: closedAt.toISOString() };
  }

  /** Throws `sign_up_closed` or `invitation_needed`. Who comes by a foreign issuer signs up, too, and brings no invitation. */
  private assertMaySignUp(invited: boolean): void {
    const { signUpMode } = this.parts;
    if (signUpMode === 'closed') {
      throw new WatershedError('sign_up_closed', 'Nobody can sign up here. Ask the operator of the cluster.');
    }
    if (signUpMode === 'invitation' && !invited) {
      throw new WatershedError(
        'invitation_needed',
        'Signing up takes an invitation here: send the code that an operator gave you to POST /v1/people as `invitation`.',
      );
    }
  }

  /** The person whom a foreign issuer's subject is here; made on first use, always in the role `person`. */
  async ofIdentity(issuer: string, subject: string): Promise<PersonRecord> {
    const { people, database, cluster, wakeOutbox } = this.parts;
    const known = await people.byIdentity(issuer, subject);
    if (known) return known;
    this.assertMaySignUp(false);
    const personId = uuidv7();
    try {
      await database.transaction(async (tx) => {
        const policy = defaultPolicy(cluster.region);
        await people.insert(tx, { personId, role: 'person', homeRegion: cluster.region, policy, label: '' });
        await people.insertIdentity(tx, issuer, subject, personId);
      });
    } catch (error) {
      // Two first requests at once: the one that lost finds whom the other made.
      if (!isUniqueViolation(error)) throw error;
    }
    wakeOutbox();
    const made = await people.byIdentity(issuer, subject);
    if (!made) throw new WatershedError('internal', 'The account could not be made. Try again.');
    return made;
  }

  /** Here at once; at the other gateways when they hear of it, and by the age of their caches otherwise. */
  async changed(what: { keyId?: string; personId?: string }): Promise<void> {
    this.parts.access.forget(what);
    await this.parts.cluster.broadcast(accessChanged, what).catch((error: unknown) => {
      this.parts.logger.warn({ err: error }, 'other gateways were not told of a change of access');
    });
  }
}

/** A key as it is shown when issued; the secret is added where it may be. */
export function issued(key: Key) {
  const { keyId, scopes, label, createdAt, expiresAt } = key;
  return { keyId, scopes, label, createdAt, ...(expiresAt ? { expiresAt } : {}) };
}
