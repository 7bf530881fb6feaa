import { dataLocationPolicy } from '#contracts';
import { type Database, databaseError, isUniqueViolation, Prisma, type PrismaTransaction } from '#persistence';
import type { LockedPod, PodRecord, PodRepository, ResourceRecord } from './engine/pod.ports.js';

interface PodRow {
  readonly podId: string;
  readonly ownerId: string;
  readonly region: string;
  readonly policy: unknown;
  readonly sizeBytes: bigint;
  readonly resourceCount: number;
  readonly createdAt: Date;
}

interface ResourceRow {
  readonly path: string;
  readonly contentType: string;
  readonly sizeBytes: bigint;
  readonly sha256: string;
  readonly modifiedAt: Date;
}

const podColumns = Prisma.sql`pod_id AS "podId", owner_id AS "ownerId", region, policy, size_bytes AS "sizeBytes",
  resource_count AS "resourceCount", created_at AS "createdAt"`;
const resourceColumns = Prisma.sql`path, content_type AS "contentType", size_bytes AS "sizeBytes", sha256,
  modified_at AS "modifiedAt"`;

function podIn({ policy, sizeBytes, ...row }: PodRow): PodRecord {
  return { ...row, policy: dataLocationPolicy.parse(policy), sizeBytes: Number(sizeBytes) };
}

function resourceIn({ path, contentType, sizeBytes, sha256, modifiedAt }: ResourceRow): ResourceRecord {
  return { path, contentType, sizeBytes: Number(sizeBytes), sha256, modifiedAt };
}

/** Pods in Postgres. Changes of one pod queue at its row, whichever instance makes them. */
export class PrismaPodRepository implements PodRepository {
  constructor(private readonly database: Pick<Database, 'prisma' | 'transaction'>) {}

  async find(podId: string): Promise<PodRecord | { readonly goneOwnerId: string } | undefined> {
    const pod = await this.database.prisma.podHostPod.findUnique({ where: { podId } });
    if (pod) return podIn(pod);
    const gone = await this.database.prisma.podHostGone.findUnique({ where: { podId } });
    return gone ? { goneOwnerId: gone.ownerId } : undefined;
  }

  async create(
    pod: Pick<PodRecord, 'podId' | 'ownerId' | 'region' | 'policy'>,
    maxPods: number,
  ): Promise<PodRecord | 'full'> {
    try {
      return await this.database.transaction(async (tx) => {
        // Two pods of one person that are made at once must not both be the last one allowed.
        await tx.$queryRaw`SELECT 1 FROM pg_advisory_xact_lock(hashtextextended(${pod.ownerId}, 0))`;
        const known = await tx.podHostPod.findUnique({ where: { podId: pod.podId } });
        if (known) return podIn(known);
        if ((await tx.podHostPod.count({ where: { ownerId: pod.ownerId } })) >= maxPods) return 'full';
        return podIn(await tx.podHostPod.create({ data: pod }));
      });
    } catch (error) {
      // Someone else took the id at the same moment.
      const other =
        isUniqueViolation(error) && (await this.database.prisma.podHostPod.findUnique({ where: { podId: pod.podId } }));
      if (other) return podIn(other);
      throw error;
    }
  }

  async list(ownerId: string, afterPodId: string | undefined, limit: number): Promise<readonly PodRecord[]> {
    const rows = await this.database.prisma.podHostPod.findMany({
      where: { ownerId, ...(afterPodId ? { podId: { gt: afterPodId } } : {}) },
      orderBy: { podId: 'asc' },
      take: limit,
    });
    return rows.map(podIn);
  }

  async resource(podId: string, path: string): Promise<ResourceRecord | undefined> {
    const row = await this.database.prisma.podHostResource.findUnique({ where: { podId_path: { podId, path } } });
    return row ? resourceIn(row) : undefined;
  }

  async resources(
    podId: string,
    { prefix, afterPath = '', limit }: { prefix: string; afterPath: string | undefined; limit: number },
  ): Promise<readonly ResourceRecord[]> {
    const rows = await this.database.prisma.$queryRaw<ResourceRow[]>`
      SELECT ${resourceColumns} FROM pod_host.resource
      WHERE pod_id = ${podId}::uuid AND starts_with(path, ${prefix}) AND path > ${afterPath}
      ORDER BY path LIMIT ${limit}`;
    return rows.map(resourceIn);
  }

  async locked<Result>(podId: string, change: (pod: LockedPod) => Promise<Result>): Promise<Result | undefined> {
    try {
      return await this.database.transaction(async (tx) => {
        const [row] = await tx.$queryRaw<PodRow[]>`
          SELECT ${podColumns} FROM pod_host.pod WHERE pod_id = ${podId}::uuid FOR UPDATE`;
        return row ? await change(new PrismaLockedPod(tx, podIn(row))) : undefined;
      });
    } catch (error) {
      throw databaseError(error);
    }
  }
}

class PrismaLockedPod implements LockedPod {
  constructor(
    private readonly tx: PrismaTransaction,
    readonly record: PodRecord,
  ) {}

  async resource(path: string): Promise<ResourceRecord | undefined> {
    const row = await this.tx.podHostResource.findUnique({ where: { podId_path: { podId: this.record.podId, path } } });
    return row ? resourceIn(row) : undefined;
  }

  async put({ path, contentType, sizeBytes, sha256 }: Omit<ResourceRecord, 'modifiedAt'>): Promise<ResourceRecord> {
    const { podId } = this.record;
    const [row] = await this.tx.$queryRaw<ResourceRow[]>`
      WITH before AS (
        SELECT size_bytes FROM pod_host.resource WHERE pod_id = ${podId}::uuid AND path = ${path}
      ), totals AS (
        UPDATE pod_host.pod SET
          size_bytes = size_bytes + ${sizeBytes}::bigint - COALESCE((SELECT size_bytes FROM before), 0),
          resource_count = resource_count + CASE WHEN EXISTS (SELECT 1 FROM before) THEN 0 ELSE 1 END
        WHERE pod_id = ${podId}::uuid
      )
      INSERT INTO pod_host.resource (pod_id, path, content_type, size_bytes, sha256)
      VALUES (${podId}::uuid, ${path}, ${contentType}, ${sizeBytes}::bigint, ${sha256})
      ON CONFLICT (pod_id, path) DO UPDATE SET content_type = excluded.content_type, size_bytes = excluded.size_bytes,
        sha256 = excluded.sha256, modified_at = now()
      RETURNING ${resourceColumns}`;
    if (!row) throw new Error('the resource was not written');
    return resourceIn(row);
  }

  async remove(path: string): Promise<void> {
    await this.tx.$executeRaw`
      WITH removed AS (
        DELETE FROM pod_host.resource WHERE pod_id = ${this.record.podId}::uuid AND path = ${path} RETURNING size_bytes
      )
      UPDATE pod_host.pod SET size_bytes = pod.size_bytes - removed.size_bytes, resource_count = resource_count - 1
      FROM removed WHERE pod_id = ${this.record.podId}::uuid`;
  }

  holders(sha256: string): Promise<number> {
    return this.tx.podHostResource.count({ where: { podId: this.record.podId, sha256 } });
  }

  async destroy(): Promise<void> {
    const { podId, ownerId } = this.record;
    await this.tx.podHostGone.create({ data: { podId, ownerId } });
    await this.tx.podHostPod.delete({ where: { podId } });
  }
}
