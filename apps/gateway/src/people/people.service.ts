import { uuidv7 } from 'uuidv7';
import { accessChanged, type DataLocationPolicy } from '#contracts';
import { WatershedError } from '#errors';
import { type Database, isUniqueViolation } from '#persistence';
import { defaultPolicy } from '#policy';
import type { Logger } from '#telemetry';
import type { AccessDirectory } from '../auth/engine/access-directory.js';
import { mintRecoveryCode, sha256 } from '../auth/engine/api-key.js';
import type { PersonRecord } from '../auth/engine/principal.js';
import { firstKeyScopes, type Role } from '../auth/engine/scopes.js';
import type { GatewayCluster } from '../cluster/cluster.port.js';
import type { Key, KeysRepository } from '../keys/keys.repository.js';
import type { Answer, Once, OnceRequest } from '../once/once.js';
import { knownPolicy } from './known-policy.js';
import type { PeopleRepository, Person } from './people.repository.js';

export interface SignUp {
  readonly homeRegion?: string;
  readonly defaultPolicy?: DataLocationPolicy;
  readonly label: string;
}

export interface PeopleParts {
  readonly database: Database;
  readonly people: PeopleRepository;
  readonly keys: KeysRepository;
  readonly once: Once;
  readonly access: AccessDirectory;
  readonly cluster: GatewayCluster;
  readonly logger: Logger;
  readonly signUpOpen: boolean;
  /** Called after a commit that wrote to the outbox, to spare its way through the database. */
  readonly wakeOutbox: () => void;
}

export class PeopleService {
  constructor(private readonly parts: PeopleParts) {}

  async signUp(body: SignUp, request: OnceRequest | undefined): Promise<Answer> {
    const { once, people, keys, signUpOpen, wakeOutbox } = this.parts;
    if (!signUpOpen)
      throw new WatershedError('role_missing', 'Sign-up is closed here. Ask the operator for an account.');
    const homeRegion = body.homeRegion ?? this.parts.cluster.region;
    const policy = knownPolicy(body.defaultPolicy ?? defaultPolicy(homeRegion), homeRegion);
    const recovery = mintRecoveryCode();
    const answer = await once.local(request, async (tx, personId) => {
      const person = await people.insert(tx, {
        personId,
        role: 'person',
        homeRegion,
        policy,
        label: body.label,
        recoveryHash: recovery.hash,
      });
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
    const next = mintRecoveryCode();
    const answer = await once.local(request, async (tx) => {
      const found = await people.useRecoveryCode(tx, personId, sha256(code.trim().toLowerCase()), next.hash);
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

  async close(personId: string): Promise<void> {
    await this.parts.people.close(personId);
    this.parts.wakeOutbox();
    await this.changed({ personId });
  }

  /** The person whom a foreign issuer's subject is here; made on first use, always in the role `person`. */
  async ofIdentity(issuer: string, subject: string): Promise<PersonRecord> {
    const { people, database, cluster, wakeOutbox } = this.parts;
    const known = await people.byIdentity(issuer, subject);
    if (known) return known;
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
