import { uuidv7 } from 'uuidv7';
import { toWireError } from '#errors';
import type { Database } from '#persistence';
import type { Principal } from '../auth/engine/principal.js';

export interface AuditedAction {
  /** `<noun>.<verb>` */
  readonly action: string;
  /** What it was done to: an id or a name. */
  readonly subject: string;
  readonly details?: Readonly<Record<string, string | number | boolean | null>>;
}

/**
 * What operators do. The intention is written before the deed and the outcome after it, so that a crash in between
 * leaves the intention, never a deed without a trace. Where the log cannot be written, nothing is done.
 */
export class AuditLog {
  constructor(private readonly database: Database) {}

  async around<Result>(
    who: Principal,
    requestId: string,
    entry: AuditedAction,
    deed: () => Promise<Result>,
  ): Promise<Result> {
    const row = {
      actionId: uuidv7(),
      actorId: who.personId,
      actorRole: who.role,
      keyId: who.keyId ?? null,
      action: entry.action,
      subject: entry.subject,
      details: { ...entry.details },
      requestId,
    };
    await this.database.prisma.gatewayAuditEntry.create({ data: { ...row, phase: 'begun' } });
    let result: Result;
    try {
      result = await deed();
    } catch (error) {
      await this.database.prisma.gatewayAuditEntry.create({
        data: { ...row, phase: 'failed', code: toWireError(error).code },
      });
      throw error;
    }
    await this.database.prisma.gatewayAuditEntry.create({ data: { ...row, phase: 'done' } });
    return result;
  }

  async list(before: bigint | undefined, limit: number) {
    return this.database.prisma.gatewayAuditEntry.findMany({
      where: before === undefined ? {} : { sequence: { lt: before } },
      orderBy: { sequence: 'desc' },
      take: limit,
    });
  }
}
