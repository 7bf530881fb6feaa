import type { z } from 'zod';
import { WatershedError } from '#errors';
import type { Database, PrismaTransaction } from '#persistence';
import type { invitationSchema } from './people.schemas.js';

export type Invitation = z.output<typeof invitationSchema>;
type InvitationRow = NonNullable<Awaited<ReturnType<Database['prisma']['gatewayInvitation']['findUnique']>>>;

export interface NewInvitation {
  readonly invitationId: string;
  readonly hash: Uint8Array<ArrayBuffer>;
  readonly label: string;
  readonly createdBy: string;
  readonly expiresInHours: number;
}

function invitationOf(row: InvitationRow): Invitation {
  const { invitationId, label, createdBy, redeemedBy, redeemedAt } = row;
  const unused = row.expiresAt.getTime() <= Date.now() ? 'expired' : 'open';
  return {
    invitationId,
    label,
    state: redeemedAt ? 'redeemed' : row.revokedAt ? 'revoked' : unused,
    createdBy,
    createdAt: row.createdAt.toISOString(),
    expiresAt: row.expiresAt.toISOString(),
    ...(redeemedAt ? { redeemedAt: redeemedAt.toISOString() } : {}),
    ...(redeemedBy ? { redeemedBy } : {}),
  };
}

/** One-use codes by which someone may sign up; kept as their hash, judged by Postgres's clock. */
export class InvitationsRepository {
  constructor(private readonly database: Database) {}

  /** Under an id that is there already the code is another: after a crash nobody was shown the one before. */
  async issue(made: NewInvitation): Promise<Invitation> {
    const { prisma } = this.database;
    const { expiresInHours, ...data } = made;
    const [{ at } = { at: new Date() }] = await prisma.$queryRaw<{ at: Date }[]>`
      SELECT clock_timestamp() + ${expiresInHours}::integer * interval '1 hour' AS at`;
    const row = await prisma.gatewayInvitation.upsert({
      where: { invitationId: made.invitationId },
      create: { ...data, expiresAt: at },
      update: { hash: made.hash },
    });
    return invitationOf(row);
  }

  /** Uses it up for this person, who is new in the same transaction. Throws `invitation_invalid` for all but one of them. */
  async redeem(tx: PrismaTransaction, hash: Uint8Array<ArrayBuffer>, personId: string): Promise<void> {
    const redeemed = await tx.$executeRaw`
      UPDATE gateway.invitation SET redeemed_at = clock_timestamp(), redeemed_by = ${personId}::uuid
      WHERE hash = ${hash} AND redeemed_at IS NULL AND revoked_at IS NULL AND expires_at > clock_timestamp()`;
    if (redeemed === 1) return;
    throw new WatershedError(
      'invitation_invalid',
      'This invitation is unknown, used, revoked or expired. Ask an operator for another.',
    );
  }

  /** Of one that is not used yet; again: as it is. Undefined where it is unknown or used. */
  async revoke(invitationId: string): Promise<Invitation | undefined> {
    const { gatewayInvitation } = this.database.prisma;
    await gatewayInvitation.updateMany({
      where: { invitationId, redeemedAt: null, revokedAt: null },
      data: { revokedAt: new Date() },
    });
    const row = await gatewayInvitation.findUnique({ where: { invitationId } });
    return row?.revokedAt ? invitationOf(row) : undefined;
  }

  async list(after: string | undefined, limit: number): Promise<Invitation[]> {
    const rows = await this.database.prisma.gatewayInvitation.findMany({
      where: after ? { invitationId: { gt: after } } : {},
      orderBy: { invitationId: 'asc' },
      take: limit,
    });
    return rows.map(invitationOf);
  }
}
