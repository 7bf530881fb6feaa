import type { z } from 'zod';
import { WatershedError } from '#errors';
import type { Database, PrismaTransaction } from '#persistence';
import { mintKey } from '../auth/engine/api-key.js';
import { isScope, type Scope } from '../auth/engine/scopes.js';
import type { keySchema } from './keys.schemas.js';

export type Key = z.output<typeof keySchema>;
type KeyRow = NonNullable<Awaited<ReturnType<Database['prisma']['gatewayApiKey']['findUnique']>>>;

export interface NewKey {
  readonly personId: string;
  readonly scopes: readonly Scope[];
  readonly label: string;
  readonly first: boolean;
  readonly expiresAt?: Date;
  readonly rotatedFrom?: string;
}

export function keyOf(row: KeyRow): Key {
  return {
    keyId: row.keyId,
    scopes: row.scopes.filter(isScope),
    label: row.label,
    first: row.first,
    createdAt: row.createdAt.toISOString(),
    ...(row.expiresAt ? { expiresAt: row.expiresAt.toISOString() } : {}),
    ...(row.revokedAt ? { revokedAt: row.revokedAt.toISOString() } : {}),
    ...(row.rotatedFrom ? { rotatedFrom: row.rotatedFrom } : {}),
  };
}

export class KeysRepository {
  constructor(private readonly database: Database) {}

  /**
   * Holds the person and the key by which they ask until the end of the transaction. Recovery and closing change the person
   * first and then revoke: a key that is made at that moment is either seen and revoked by them, or not made.
   */
  async lockHolder(tx: PrismaTransaction, personId: string, keyId: string | undefined): Promise<void> {
    const [person] = await tx.$queryRaw<{ closed: boolean }[]>`
      SELECT closed_at IS NOT NULL AS closed FROM gateway.person WHERE person_id = ${personId}::uuid FOR SHARE`;
    if (!person || person.closed) throw new WatershedError('person_closed', 'This account is closed.');
    if (keyId === undefined) return;
    const [key] = await tx.$queryRaw<{ revoked: boolean }[]>`
      SELECT revoked_at IS NOT NULL AS revoked FROM gateway.api_key WHERE key_id = ${keyId}::uuid FOR NO KEY UPDATE`;
    if (!key || key.revoked) throw new WatershedError('key_revoked', 'This API key was revoked. Use another.');
  }

  /** A new key; the secret is returned here and kept nowhere. */
  async insert(tx: PrismaTransaction, key: NewKey): Promise<{ key: Key; secret: string }> {
    const { keyId, secret, hash } = mintKey();
    const row = await tx.gatewayApiKey.create({ data: { ...key, keyId, hash, scopes: [...key.scopes] } });
    return { key: keyOf(row), secret };
  }

  async find(tx: PrismaTransaction, personId: string, keyId: string): Promise<Key | undefined> {
    const row = await tx.gatewayApiKey.findFirst({ where: { keyId, personId } });
    return row ? keyOf(row) : undefined;
  }

  /** True for exactly one caller; a key revoked already stays as it was. */
  async revoke(tx: PrismaTransaction, personId: string, keyId: string): Promise<boolean> {
    const { count } = await tx.gatewayApiKey.updateMany({
      where: { keyId, personId, revokedAt: null },
      data: { revokedAt: new Date() },
    });
    return count === 1;
  }

  /** Revokes all keys of a person; their ids. */
  async revokeAll(tx: PrismaTransaction, personId: string): Promise<void> {
    await tx.gatewayApiKey.updateMany({ where: { personId, revokedAt: null }, data: { revokedAt: new Date() } });
  }

  async list(personId: string, after: string | undefined, limit: number): Promise<Key[]> {
    const rows = await this.database.prisma.gatewayApiKey.findMany({
      where: { personId, ...(after ? { keyId: { gt: after } } : {}) },
      orderBy: { keyId: 'asc' },
      take: limit,
    });
    return rows.map(keyOf);
  }

  /** Whether one of these keys is alive: to know whether the operator's key file still opens anything. */
  async hashOf(keyId: string): Promise<Uint8Array | undefined> {
    const row = await this.database.prisma.gatewayApiKey.findFirst({
      where: { keyId, revokedAt: null },
      select: { hash: true },
    });
    return row?.hash;
  }
}
