import type { z } from 'zod';
import { type DataLocationPolicy, dataLocationPolicy } from '#contracts';
import { type Database, Outbox, type PrismaTransaction } from '#persistence';
import type { AccessPort, AccessRecord, PersonRecord } from '../auth/engine/principal.js';
import { firstKeyScopes, isScope, ordinaryScopes, type Role, roles } from '../auth/engine/scopes.js';
import type { ContentBlind } from '../once/content-blind.js';
import type { personSchema, personStateSchema } from './people.schemas.js';

type PersonRow = NonNullable<Awaited<ReturnType<Database['prisma']['gatewayPerson']['findUnique']>>>;
export type Person = z.output<typeof personSchema>;
export type PersonState = z.output<typeof personStateSchema>;

export interface NewPerson {
  readonly personId: string;
  readonly role: Role;
  readonly homeRegion: string;
  readonly policy: DataLocationPolicy;
  readonly label: string;
  readonly recoveryHash?: Uint8Array<ArrayBuffer>;
  readonly operatorId?: string;
}

/** Kept as text that the database checks; whatever it were else, it would be nobody's privilege. */
function roleOf(row: Pick<PersonRow, 'role'>): Role {
  return roles.find((role) => role === row.role) ?? 'person';
}

export function personOf(row: PersonRow): Person {
  return {
    personId: row.personId,
    role: roleOf(row),
    homeRegion: row.homeRegion,
    policy: dataLocationPolicy.parse(row.policy),
    label: row.label,
    ...(row.operatorId ? { operatorId: row.operatorId } : {}),
    createdAt: row.createdAt.toISOString(),
  };
}

function recordOf(row: PersonRow): PersonRecord {
  const { personId, homeRegion, policy } = personOf(row);
  return { personId, role: roleOf(row), homeRegion, policy, ...(row.closedAt ? { closedAt: row.closedAt } : {}) };
}

/** People, their keys for authentication, and what must follow in other services when they come and go. */
export class PeopleRepository implements AccessPort {
  private readonly outbox = new Outbox('gateway');

  constructor(
    private readonly database: Database,
    private readonly blind: ContentBlind,
  ) {}

  async key(keyId: string): Promise<AccessRecord | undefined> {
    const row = await this.database.prisma.gatewayApiKey.findUnique({ where: { keyId }, include: { person: true } });
    if (!row) return undefined;
    return {
      keyId,
      hash: row.hash,
      // A first key may do what its person may: who becomes an auditor, or stops being one, needs no other key.
      scopes: row.first ? firstKeyScopes(roleOf(row.person)) : ordinaryScopes(row.scopes.filter(isScope)),
      ...(row.expiresAt ? { expiresAt: row.expiresAt } : {}),
      ...(row.revokedAt ? { revokedAt: row.revokedAt } : {}),
      person: recordOf(row.person),
    };
  }

  async person(personId: string): Promise<PersonRecord | undefined> {
    const row = await this.database.prisma.gatewayPerson.findUnique({ where: { personId } });
    return row ? recordOf(row) : undefined;
  }

  async read(personId: string): Promise<Person | undefined> {
    const row = await this.database.prisma.gatewayPerson.findUnique({ where: { personId } });
    return row ? personOf(row) : undefined;
  }

  /** Inserts the person, and announces that a purse is to be opened. */
  async insert(tx: PrismaTransaction, person: NewPerson): Promise<Person> {
    const row = await tx.gatewayPerson.create({ data: { ...person, policy: person.policy } });
    await this.outbox.append(tx, {
      stream: `person:${person.personId}`,
      kind: 'open-purse',
      payload: { personId: person.personId },
      dedupKey: 'open-purse',
    });
    return personOf(row);
  }

  async setPolicy(personId: string, policy: DataLocationPolicy): Promise<Person> {
    return personOf(await this.database.prisma.gatewayPerson.update({ where: { personId }, data: { policy } }));
  }

  async setRole(personId: string, role: Role): Promise<Person | undefined> {
    const { count } = await this.database.prisma.gatewayPerson.updateMany({
      where: { personId, closedAt: null, role: { not: 'operator' } },
      data: { role },
    });
    return count === 1 ? this.read(personId) : undefined;
  }

  /**
   * Closes the account and erases what opens what it kept; pods and purse follow through the outbox. Again: nothing more.
   * When it was closed. Where they came by a foreign issuer, who they are there is kept blinded: enough to know that this
   * account is closed, and nothing to read.
   */
  async close(personId: string): Promise<Date> {
    return this.database.transaction(async (tx) => {
      const { count } = await tx.gatewayPerson.updateMany({
        where: { personId, closedAt: null },
        data: { closedAt: new Date(), recoveryHash: null, wrappedKey: null, label: '' },
      });
      const { closedAt } = await tx.gatewayPerson.findUniqueOrThrow({
        where: { personId },
        select: { closedAt: true },
      });
      if (count === 0 || !closedAt) return closedAt ?? new Date();
      await tx.gatewayApiKey.updateMany({ where: { personId, revokedAt: null }, data: { revokedAt: closedAt } });
      await tx.gatewayApiKey.updateMany({ where: { personId }, data: { label: '' } });
      await tx.gatewayOnce.deleteMany({ where: { principal: `person:${personId}` } });
      for (const { issuer, subject } of await tx.gatewayIdentity.findMany({ where: { personId } })) {
        const where = { issuer_subject: { issuer, subject } };
        await tx.gatewayIdentity.update({ where, data: { subject: this.blinded(issuer, subject) } });
      }
      for (const kind of ['delete-pods', 'close-purse']) {
        await this.outbox.append(tx, { stream: `person:${personId}`, kind, payload: { personId }, dedupKey: kind });
      }
      return closedAt;
    });
  }

  /** The last step of a closing: nothing of theirs is left in other services. */
  async markErased(personId: string): Promise<void> {
    await this.database.prisma.gatewayPerson.updateMany({
      where: { personId, closedAt: { not: null }, erasedAt: null },
      data: { erasedAt: new Date() },
    });
  }

  /** Also of an account that is closed, and how far its closing has come. */
  async state(personId: string): Promise<PersonState | undefined> {
    const row = await this.database.prisma.gatewayPerson.findUnique({ where: { personId } });
    if (!row) return undefined;
    return {
      person: personOf(row),
      ...(row.closedAt ? { closedAt: row.closedAt.toISOString() } : {}),
      ...(row.erasedAt ? { erasedAt: row.erasedAt.toISOString() } : {}),
    };
  }

  /** Uses up a recovery code: whose it was, for exactly one caller. */
  async useRecoveryCode(
    tx: PrismaTransaction,
    personId: string,
    hash: Uint8Array<ArrayBuffer>,
    next: Uint8Array<ArrayBuffer>,
  ): Promise<{ person: Person; role: Role } | undefined> {
    const { count } = await tx.gatewayPerson.updateMany({
      where: { personId, recoveryHash: hash, closedAt: null },
      data: { recoveryHash: next },
    });
    const row = count === 1 ? await tx.gatewayPerson.findUnique({ where: { personId } }) : null;
    return row ? { person: personOf(row), role: roleOf(row) } : undefined;
  }

  async list(after: string | undefined, limit: number): Promise<Person[]> {
    const rows = await this.database.prisma.gatewayPerson.findMany({
      where: { closedAt: null, ...(after ? { personId: { gt: after } } : {}) },
      orderBy: { personId: 'asc' },
      take: limit,
    });
    return rows.map(personOf);
  }

  async operator(operatorId: string): Promise<Person | undefined> {
    const row = await this.database.prisma.gatewayPerson.findUnique({ where: { operatorId } });
    return row ? personOf(row) : undefined;
  }

  async byIdentity(issuer: string, subject: string): Promise<PersonRecord | undefined> {
    const row = await this.database.prisma.gatewayIdentity.findFirst({
      where: { issuer, subject: { in: [subject, this.blinded(issuer, subject)] } },
      include: { person: true },
    });
    return row ? recordOf(row.person) : undefined;
  }

  async insertIdentity(tx: PrismaTransaction, issuer: string, subject: string, personId: string): Promise<void> {
    await tx.gatewayIdentity.create({ data: { issuer, subject, personId } });
  }

  private blinded(issuer: string, subject: string): string {
    const name = this.blind.blind('identity', JSON.stringify([issuer, subject]));
    return `closed:${Buffer.from(name).toString('base64url')}`;
  }
}
