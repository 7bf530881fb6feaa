import { randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { WatershedError } from '#errors';
import type { Database } from '#persistence';
import { openBytes, sealBytes } from '#seal';

export const wrappedKeyContext = (personId: string): string => `key/${personId}`;

/**
 * A person's content at rest: sealed under a data key of theirs, which lies in the database wrapped by the KEK, which
 * lies in a file outside of it and its backups. Erasing the wrapped key erases all that was sealed under it.
 */
export class ContentSeal {
  private readonly keys = new LRUCache<string, Uint8Array>({ max: 1_000, ttl: 60_000 });

  constructor(
    private readonly database: Database,
    private readonly kek: Uint8Array,
  ) {}

  async seal(personId: string, plain: Uint8Array, context: string): Promise<Uint8Array<ArrayBuffer>> {
    return sealBytes(await this.dataKey(personId), plain, `${personId}/${context}`);
  }

  async open(personId: string, sealed: Uint8Array, context: string): Promise<Buffer> {
    return openBytes(await this.dataKey(personId), sealed, `${personId}/${context}`);
  }

  forget(personId: string): void {
    this.keys.delete(personId);
  }

  private async dataKey(personId: string): Promise<Uint8Array> {
    const known = this.keys.get(personId);
    if (known) return known;
    const { prisma } = this.database;
    const fresh = sealBytes(this.kek, randomBytes(32), wrappedKeyContext(personId));
    // Two requests may make the first key at once: the row decides whose it is.
    await prisma.gatewayPerson.updateMany({
      where: { personId, wrappedKey: null, closedAt: null },
      data: { wrappedKey: fresh },
    });
    const person = await prisma.gatewayPerson.findUnique({ where: { personId }, select: { wrappedKey: true } });
    if (!person?.wrappedKey)
      throw new WatershedError('person_closed', 'This account is closed; what it kept is erased.');
    const key = openBytes(this.kek, person.wrappedKey, wrappedKeyContext(personId));
    this.keys.set(personId, key);
    return key;
  }
}
