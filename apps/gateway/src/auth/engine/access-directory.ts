import { LRUCache } from 'lru-cache';
import { WatershedError } from '#errors';
import { keyIdOf, matchesHash } from './api-key.js';
import type { AccessPort, AccessRecord, PersonRecord, Principal } from './principal.js';
import type { Scope } from './scopes.js';

export interface AccessDirectoryOptions {
  readonly port: AccessPort;
  /** How long a revocation that another gateway made, and whose broadcast was lost, may go unseen. */
  readonly cacheTtlMs: number;
  readonly cacheSize: number;
  readonly now?: () => number;
}

type Known = { readonly record: AccessRecord; readonly principal: Principal } | { readonly record: undefined };

/**
 * Keys and people, remembered for a few seconds. A revocation made here takes effect at once; one made at another
 * gateway as soon as its broadcast arrives, and at the latest when the entry expires.
 */
export class AccessDirectory {
  private readonly keys: LRUCache<string, Known>;
  private readonly people: LRUCache<string, PersonRecord>;
  private readonly loading = new Map<string, Promise<Known>>();
  private readonly port: AccessPort;
  private readonly now: () => number;
  private generation = 0;

  constructor(options: AccessDirectoryOptions) {
    this.port = options.port;
    this.now = options.now ?? Date.now;
    this.keys = new LRUCache({ max: options.cacheSize, ttl: options.cacheTtlMs });
    this.people = new LRUCache({ max: options.cacheSize, ttl: options.cacheTtlMs });
  }

  /** Throws `key_unknown`, `key_revoked`, `key_expired` or `person_closed`. Unknown id and wrong secret look the same. */
  async authenticate(presented: string): Promise<Principal> {
    const keyId = keyIdOf(presented);
    const known = keyId ? await this.known(keyId) : undefined;
    if (!known?.record || !matchesHash(presented, known.record.hash)) {
      throw new WatershedError('key_unknown', 'This API key is not known here. Check that it was copied whole.');
    }
    this.assertAlive(known.record);
    return known.principal;
  }

  /** The principal of a key that a token came from, without its secret. Throws as `authenticate` does. */
  async principalOfKey(keyId: string): Promise<Principal> {
    const known = await this.known(keyId);
    if (!known.record) throw new WatershedError('key_unknown', 'The key behind this token is not known here any more.');
    this.assertAlive(known.record);
    return known.principal;
  }

  /** Throws `person_closed` when the account is closed or gone. */
  async person(personId: string): Promise<PersonRecord> {
    const cached = this.people.get(personId);
    if (cached) return cached;
    const generation = this.generation;
    const found = await this.port.person(personId);
    if (!found || found.closedAt) throw personClosed();
    if (generation === this.generation) this.people.set(personId, found);
    return found;
  }

  forget(what: { keyId?: string; personId?: string }): void {
    // A load that began before this must not be remembered: it may have read what has just been changed.
    this.generation++;
    if (what.keyId) this.keys.delete(what.keyId);
    if (what.personId) {
      this.people.delete(what.personId);
      for (const [keyId, known] of this.keys.entries()) {
        if (known.record?.person.personId === what.personId) this.keys.delete(keyId);
      }
    }
  }

  private async known(keyId: string): Promise<Known> {
    const cached = this.keys.get(keyId);
    if (cached) return cached;
    const generation = this.generation;
    const shared = `${generation}:${keyId}`;
    const running = this.loading.get(shared);
    if (running) return running;
    const load = this.port
      .key(keyId)
      .then((record): Known => (record ? { record, principal: principalOf(record) } : { record: undefined }));
    this.loading.set(shared, load);
    try {
      const known = await load;
      // What does not exist is not remembered, or guesses would push real keys out of the cache.
      if (known.record && generation === this.generation) this.keys.set(keyId, known);
      return known;
    } finally {
      this.loading.delete(shared);
    }
  }

  private assertAlive(record: AccessRecord): void {
    if (record.person.closedAt) throw personClosed();
    if (record.revokedAt) throw new WatershedError('key_revoked', 'This API key was revoked. Use another.');
    if (record.expiresAt && record.expiresAt.getTime() <= this.now()) {
      throw new WatershedError('key_expired', 'This API key has expired. Rotate it, or make another.');
    }
  }
}

function principalOf(record: AccessRecord): Principal {
  const { person } = record;
  return {
    personId: person.personId,
    role: person.role,
    scopes: new Set<Scope>(record.scopes),
    homeRegion: person.homeRegion,
    policy: person.policy,
    keyId: record.keyId,
    via: 'api-key',
  };
}

const personClosed = () => new WatershedError('person_closed', 'This account is closed.');
