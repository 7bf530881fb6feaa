import { Controller, Get, Inject } from '@nestjs/common';
import { z } from 'zod';
import { instant, pageOf, tollTotals, uuid } from '#contracts';
import { GATEWAY_CLUSTER, type GatewayCluster } from '../cluster/cluster.port.js';
import { ApiRoute } from '../http/api-route.decorator.js';
import { named } from '../http/api-schema.js';
import { type PageQuery, pageQuery } from '../http/contract.schemas.js';
import { decodeCursor, encodeCursor } from '../http/cursor.js';
import { ZodQuery } from '../http/zod.pipe.js';
import { AuditLog } from './audit-log.js';

const auditEntry = named(
  'AuditEntry',
  z.object({
    sequence: z.string().describe('Order of the log'),
    actionId: uuid,
    phase: z.enum(['begun', 'done', 'failed']),
    at: instant,
    actorId: uuid,
    actorRole: z.string(),
    keyId: uuid.optional(),
    action: z.string(),
    subject: z.string(),
    details: z.record(z.string(), z.unknown()),
    code: z.string().optional(),
    requestId: uuid,
  }),
);
const auditPage = named('AuditPage', pageOf(auditEntry));
const ledgerTotals = named('LedgerTotals', tollTotals.response);

@Controller('v1/audit')
export class AuditController {
  constructor(
    private readonly log: AuditLog,
    @Inject(GATEWAY_CLUSTER) private readonly cluster: GatewayCluster,
  ) {}

  @Get()
  @ApiRoute({
    tag: 'gateway',
    id: 'auditLog',
    summary: 'What operators did, newest first',
    access: { scope: 'audit:read' },
    paged: true,
    response: auditPage,
    errors: ['role_missing', 'cursor_invalid'],
  })
  async list(@ZodQuery(pageQuery) query: PageQuery): Promise<z.output<typeof auditPage>> {
    const before = decodeCursor('audit', query.cursor, /^\d{1,18}$/);
    const rows = await this.log.list(before === undefined ? undefined : BigInt(before), query.limit);
    const last = rows.length === query.limit ? rows.at(-1) : undefined;
    return {
      items: rows.map(({ sequence, at, keyId, code, phase, details, ...row }) => ({
        ...row,
        sequence: sequence.toString(),
        at: at.toISOString(),
        phase: phase === 'done' ? 'done' : phase === 'failed' ? 'failed' : 'begun',
        details: details && typeof details === 'object' && !Array.isArray(details) ? details : {},
        ...(keyId ? { keyId } : {}),
        ...(code ? { code } : {}),
      })),
      ...(last ? { nextCursor: encodeCursor('audit', last.sequence.toString()) } : {}),
    };
  }

  @Get('ledger')
  @ApiRoute({
    tag: 'toll',
    id: 'ledgerTotals',
    summary: 'Sums of the ledger',
    description: 'Every asset must sum to zero.',
    access: { scope: 'audit:read' },
    response: ledgerTotals,
    errors: ['role_missing', 'no_node_available'],
  })
  totals(): Promise<z.output<typeof ledgerTotals>> {
    return this.cluster.call(tollTotals, {});
  }
}
