import type { Database } from '#persistence';
import type { CountedHead, DecisionHeads } from './engine/index.ports.js';

/** The one row that says how far governance's log was counted; it only ever moves on. */
export class DecisionHeadRepository implements DecisionHeads {
  constructor(private readonly database: Pick<Database, 'prisma'>) {}

  async read(): Promise<CountedHead | undefined> {
    const row = await this.database.prisma.indexDecisionHead.findUnique({ where: { id: 1 } });
    return row ? { seq: Number(row.seq), hash: row.hash } : undefined;
  }

  async advance({ seq, hash }: CountedHead): Promise<void> {
    await this.database.prisma.$executeRaw`
      INSERT INTO "index"."decision_head" (id, seq, hash) VALUES (1, ${seq}, ${hash})
      ON CONFLICT (id) DO UPDATE SET seq = ${seq}, hash = ${hash} WHERE "index"."decision_head".seq < ${seq}`;
  }
}
