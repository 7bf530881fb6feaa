import { LRUCache } from 'lru-cache';
import { dataLocationPolicy } from '#contracts';
import { type Database, databaseError, isUniqueViolation, Prisma, type PrismaTransaction } from '#persistence';
import { comparePaths, pageOfPaths } from './engine/path-order.js';
import type { LockedPod, PlainResources, PodRecord, PodRepository, ResourceRecord } from './engine/pod.ports.js';
import type { PodKeys } from './pod-keys.js';

interface PodRow {
  readonly podId: string;
  readonly ownerId: string;
  readonly region: string;
  readonly policy: unknown;
  readonly sizeBytes: bigint;
  readonly resourceCount: number;
  readonly createdAt: Date;
  readonly wrappedKey: Uint8Array | null;
}

interface ResourceRow {
  readonly pathTag: Uint8Array;
  readonly sealed: Uint8Array;
  readonly sizeBytes: bigint;
  readonly modifiedAt: Date;
}

const podColumns = Prisma.sql`pod_id AS "podId", owner_id AS "ownerId", region, policy, size_bytes AS "sizeBytes",
  resource_count AS "resourceCount", created_at AS "createdAt", wrapped_key AS "wrappedKey"`;
const resourceColumns = Prisma.sql`path_tag AS "pathTag", sealed, size_bytes AS "sizeBytes", modified_at AS "modifiedAt"`;

const podIn = (row: PodRow, keys: PodKeys): PodRecord => ({
  podId: row.podId,
  ownerId: row.ownerId,
  region: row.region,
  policy: dataLocationPolicy.parse(row.policy),
  sizeBytes: Number(row.sizeBytes),
  resourceCount: row.resourceCount,
  createdAt: row.createdAt,
  key: keys.unwrap(row.podId, row.wrappedKey),
});

const resourceIn = ({ podId, key }: PodRecord, row: ResourceRow): ResourceRecord => ({
  ...key.open(podId, row.pathTag, row.sealed),
  sizeBytes: Number(row.sizeBytes),
  modifiedAt: row.modifiedAt,
});

const tagBytes = (contentTag: string): Uint8Array<ArrayBuffer> => new Uint8Array(Buffer.from(contentTag, 'hex'));

interface Listing {
  readonly revision: bigint;
  /** By their paths. */
  readonly resources: readonly ResourceRecord[];
}

/** How many opened rows are remembered, of all pods together: some 300 bytes each. */
const rememberedRows = 100_000;

/**
 * Pods in Postgres, sealed under their keys. Changes of one pod queue at its row, whichever instance makes them. Rows are
 * found by tags, which have no order: a listing opens all rows of the pod, and is remembered until the pod changes.
 */
export class PrismaPodRepository implements PodRepository, PlainResources {
  readonly #listings = new LRUCache<string, Listing>({
    maxSize: rememberedRows,
    sizeCalculation: ({ resources }) => resources.length + 1,
  });

  constructor(
    private readonly database: Pick<Database, 'prisma' | 'transaction'>,
    private readonly keys: PodKeys,
  ) {}

  async find(podId: string): Promise<PodRecord | { readonly goneOwnerId: string } | undefined> {
    const pod = await this.database.prisma.podHostPod.findUnique({ where: { podId } });
    if (pod) return podIn(pod, this.keys);
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
        if (known) return podIn(known, this.keys);
        if ((await tx.podHostPod.count({ where: { ownerId: pod.ownerId } })) >= maxPods) return 'full';
        await this.mustBeInForce(tx);
        const wrappedKey = this.keys.wrapNew(pod.podId);
        return podIn(await tx.podHostPod.create({ data: { ...pod, wrappedKey } }), this.keys);
      });
    } catch (error) {
      // Someone else took the id at the same moment.
      const other =
        isUniqueViolation(error) && (await this.database.prisma.podHostPod.findUnique({ where: { podId: pod.podId } }));
      if (other) return podIn(other, this.keys);
      throw error;
    }
  }

  async list(ownerId: string, afterPodId: string | undefined, limit: number): Promise<readonly PodRecord[]> {
    const rows = await this.database.prisma.podHostPod.findMany({
      where: { ownerId, ...(afterPodId ? { podId: { gt: afterPodId } } : {}) },
      orderBy: { podId: 'asc' },
      take: limit,
    });
    return rows.map((row) => podIn(row, this.keys));
  }

  async resource(pod: PodRecord, path: string): Promise<ResourceRecord | undefined> {
    const row = await this.database.prisma.podHostResource.findUnique({ where: { podId_pathTag: placeOf(pod, path) } });
    return row ? resourceIn(pod, row) : undefined;
  }

  async resources(
    pod: PodRecord,
    wanted: { prefix: string; afterPath: string | undefined; limit: number },
  ): Promise<readonly ResourceRecord[]> {
    const known = this.#listings.get(pod.podId);
    const at = known && (await this.database.prisma.podHostPod.findUnique({ where: { podId: pod.podId } }))?.revision;
    const listing = known && known.revision === at ? known : await this.listing(pod);
    return pageOfPaths(listing.resources, wanted);
  }

  /** Revision and rows in one statement, so of one moment. */
  private async listing(pod: PodRecord): Promise<Listing> {
    const rows = await this.database.prisma.$queryRaw<
      ({ revision: bigint } & { [K in keyof ResourceRow]: ResourceRow[K] | null })[]
    >`
      SELECT pod.revision, path_tag AS "pathTag", sealed, resource.size_bytes AS "sizeBytes", modified_at AS "modifiedAt"
      FROM pod_host.pod LEFT JOIN pod_host.resource USING (pod_id) WHERE pod_id = ${pod.podId}::uuid`;
    const resources = rows.flatMap(({ pathTag, sealed, sizeBytes, modifiedAt }) =>
      pathTag && sealed && sizeBytes !== null && modifiedAt
        ? [resourceIn(pod, { pathTag, sealed, sizeBytes, modifiedAt })]
        : [],
    );
    resources.sort((one, other) => comparePaths(one.path, other.path));
    const listing = { revision: rows[0]?.revision ?? -1n, resources };
    this.#listings.set(pod.podId, listing);
    return listing;
  }

  locked<Result>(podId: string, change: (pod: LockedPod) => Promise<Result>): Promise<Result | undefined> {
    return this.withLocked(podId, change);
  }

  private async withLocked<Result>(
    podId: string,
    change: (pod: PrismaLockedPod) => Promise<Result>,
  ): Promise<Result | undefined> {
    try {
      return await this.database.transaction(async (tx) => {
        const [row] = await tx.$queryRaw<PodRow[]>`
          SELECT ${podColumns} FROM pod_host.pod WHERE pod_id = ${podId}::uuid FOR UPDATE`;
        return row ? await change(new PrismaLockedPod(tx, podIn(row, this.keys), () => this.forget(podId))) : undefined;
      });
    } catch (error) {
      throw databaseError(error);
    }
  }

  async nextPlain(): Promise<{ pod: PodRecord; resource: ResourceRecord } | undefined> {
    const { podHostPlainResource, podHostPod } = this.database.prisma;
    const row = await podHostPlainResource.findFirst();
    if (!row) {
      // Empty pods have no row that would name them.
      const empty = await podHostPod.findMany({ where: { wrappedKey: null }, select: { podId: true } });
      for (const { podId } of empty) await this.giveKey(podId);
      return undefined;
    }
    const { podId, ...resource } = row;
    await this.giveKey(podId);
    const pod = podIn(await podHostPod.findUniqueOrThrow({ where: { podId } }), this.keys);
    return { pod, resource: { ...resource, sizeBytes: Number(resource.sizeBytes) } };
  }

  async sealPlain(podId: string, resource: ResourceRecord, keep: () => Promise<void>): Promise<void> {
    await this.withLocked(podId, async (pod) => {
      await keep();
      await pod.seal(resource);
    });
  }

  /** Until this has committed no other KEK comes into force: a host that was not stopped for that keeps no key it wraps. */
  private async mustBeInForce(tx: PrismaTransaction): Promise<void> {
    const { checkValue } = this.keys;
    const inForce = await tx.$queryRaw<unknown[]>`
      SELECT 1 FROM pod_host.kek_check WHERE purpose = 'pod-kek' AND check_value = ${checkValue} FOR SHARE`;
    if (inForce.length === 0) throw new Error('the KEK was rotated while this pod host ran; it must be started anew');
  }

  private async giveKey(podId: string): Promise<void> {
    const wrappedKey = this.keys.wrapNew(podId);
    await this.database.prisma.podHostPod.updateMany({ where: { podId, wrappedKey: null }, data: { wrappedKey } });
  }

  private forget(podId: string): void {
    this.keys.forget(podId);
    this.#listings.delete(podId);
  }
}

function placeOf({ podId, key }: PodRecord, path: string): { podId: string; pathTag: Uint8Array<ArrayBuffer> } {
  return { podId, pathTag: key.pathTag(path) };
}

class PrismaLockedPod implements LockedPod {
  constructor(
    private readonly tx: PrismaTransaction,
    readonly record: PodRecord,
    private readonly forget: () => void,
  ) {}

  async resource(path: string): Promise<ResourceRecord | undefined> {
    const row = await this.tx.podHostResource.findUnique({ where: { podId_pathTag: placeOf(this.record, path) } });
    return row ? resourceIn(this.record, row) : undefined;
  }

  async put(resource: Omit<ResourceRecord, 'modifiedAt'>): Promise<ResourceRecord> {
    const { sizeBytes, sha256 } = resource;
    const { podId, key } = this.record;
    const { pathTag } = placeOf(this.record, resource.path);
    const sealed = key.seal(podId, resource);
    const [row] = await this.tx.$queryRaw<ResourceRow[]>`
      WITH before AS (
        SELECT size_bytes FROM pod_host.resource WHERE pod_id = ${podId}::uuid AND path_tag = ${pathTag}
      ), totals AS (
        UPDATE pod_host.pod SET
          size_bytes = size_bytes + ${sizeBytes}::bigint - COALESCE((SELECT size_bytes FROM before), 0),
          resource_count = resource_count + CASE WHEN EXISTS (SELECT 1 FROM before) THEN 0 ELSE 1 END,
          revision = revision + 1
        WHERE pod_id = ${podId}::uuid
      )
      INSERT INTO pod_host.resource (pod_id, path_tag, content_tag, sealed, size_bytes)
      VALUES (${podId}::uuid, ${pathTag}, ${tagBytes(key.contentTag(sha256))}, ${sealed}, ${sizeBytes}::bigint)
      ON CONFLICT (pod_id, path_tag) DO UPDATE SET content_tag = excluded.content_tag, sealed = excluded.sealed,
        size_bytes = excluded.size_bytes, modified_at = now()
      RETURNING ${resourceColumns}`;
    if (!row) throw new Error('the resource was not written');
    return resourceIn(this.record, row);
  }

  async remove(path: string): Promise<void> {
    const { podId, pathTag } = placeOf(this.record, path);
    await this.tx.$executeRaw`
      WITH removed AS (
        DELETE FROM pod_host.resource WHERE pod_id = ${podId}::uuid AND path_tag = ${pathTag} RETURNING size_bytes
      )
      UPDATE pod_host.pod SET size_bytes = pod.size_bytes - removed.size_bytes, resource_count = resource_count - 1,
        revision = revision + 1
      FROM removed WHERE pod_id = ${podId}::uuid`;
  }

  /** The totals counted the plain row already. */
  async seal({ modifiedAt, ...resource }: ResourceRecord): Promise<void> {
    const { podId, key } = this.record;
    const { path, sizeBytes, sha256 } = resource;
    const { count } = await this.tx.podHostPlainResource.deleteMany({ where: { podId, path } });
    if (count === 0) return;
    const contentTag = tagBytes(key.contentTag(sha256));
    const data = { ...placeOf(this.record, path), contentTag, sealed: key.seal(podId, resource), modifiedAt };
    await this.tx.podHostResource.create({ data: { ...data, sizeBytes: BigInt(sizeBytes) } });
  }

  holders(contentTag: string): Promise<number> {
    return this.tx.podHostResource.count({ where: { podId: this.record.podId, contentTag: tagBytes(contentTag) } });
  }

  async destroy(): Promise<void> {
    const { podId, ownerId } = this.record;
    await this.tx.podHostGone.create({ data: { podId, ownerId } });
    await this.tx.podHostPod.delete({ where: { podId } });
    this.forget();
  }
}
