import { randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { WatershedError } from '#errors';
import type { Database } from '#persistence';
import { kekCheckValue, kekInForce, openBytes, sealBytes } from '#seal';

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
    const wrapped = (await this.wrappedKey(personId)) ?? (await this.firstKey(personId));
    const key = openBytes(this.kek, wrapped, wrappedKeyContext(personId));
    this.keys.set(personId, key);
    return key;
  }

  private async wrappedKey(personId: string): Promise<Uint8Array | undefined> {
    const select = { wrappedKey: true, closedAt: true };
    const person = await this.database.prisma.gatewayPerson.findUnique({ where: { personId }, select });
    if (person && !person.closedAt) return person.wrappedKey ?? undefined;
    throw new WatershedError('person_closed', 'This account is closed; what it kept is erased.');
  }

  /** Two requests may make the first key at once: the row decides whose it is. */
  private async firstKey(personId: string): Promise<Uint8Array> {
    const fresh = sealBytes(this.kek, randomBytes(32), wrappedKeyContext(personId));
    await this.database.pool.query(keepFirstKey, [personId, fresh, kekCheckValue(this.kek, 'kek')]);
    const wrapped = await this.wrappedKey(personId);
    if (!wrapped) throw new Error('the KEK was rotated while this gateway ran; it must be started anew');
    return wrapped;
  }
}

const keepFirstKey = `UPDATE gateway.person SET wrapped_key = $2
  WHERE person_id = $1 AND wrapped_key IS NULL AND closed_at IS NULL AND ${kekInForce('gateway', 'kek', '$3')}`;
