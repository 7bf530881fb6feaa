import type { DataLocationPolicy } from '#contracts';
import type { Role, Scope } from './scopes.js';

/** Who asks, as this cluster knows them: the outcome of authentication by key, by our token or by a foreign one. */
export interface Principal {
  readonly personId: string;
  readonly role: Role;
  readonly scopes: ReadonlySet<Scope>;
  readonly homeRegion: string;
  readonly policy: DataLocationPolicy;
  /** The key they used, or that their token came from; absent for tokens of foreign issuers. */
  readonly keyId?: string;
  readonly via: 'api-key' | 'token' | 'oidc';
}

/** A key and its person as kept by the database, and cached for a few seconds. */
export interface AccessRecord {
  readonly keyId: string;
  readonly hash: Uint8Array;
  readonly scopes: readonly Scope[];
  readonly expiresAt?: Date;
  readonly revokedAt?: Date;
  readonly person: PersonRecord;
}

export interface PersonRecord {
  readonly personId: string;
  readonly role: Role;
  readonly homeRegion: string;
  readonly policy: DataLocationPolicy;
  readonly closedAt?: Date;
}

export interface AccessPort {
  key(keyId: string): Promise<AccessRecord | undefined>;
  person(personId: string): Promise<PersonRecord | undefined>;
}
