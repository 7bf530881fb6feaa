import { randomUUID } from 'node:crypto';
import { membershipState, type NodeId, type NodeManifest, nodeHealth, nodeManifest, type Revision } from '#contracts';
import type { Database, PrismaTransaction } from '#persistence';
import { type Holding, refuseTaken } from './engine/address-claims.js';
import type { ExpectedState, NewState, NodeStore, StoredNode } from './engine/index.ports.js';

type Row = Awaited<ReturnType<Database['prisma']['indexNode']['findMany']>>[number];

/**
 * Nodes and their stream in Postgres. A change locks the node's row first and the stream's second, always in this
 * order; the stream's lock is held until the commit, so numbers become visible in their order.
 */
export class NodeRepository implements NodeStore {
  constructor(private readonly database: Database) {}

  /** Makes the stream's row where it is missing: a new epoch, whoever of several instances is first. */
  async initialise(): Promise<void> {
    await this.database.prisma.$executeRaw`
      INSERT INTO "index"."stream" (id, epoch, n, pruned_n) VALUES (1, ${randomUUID()}::uuid, 0, 0) ON CONFLICT DO NOTHING`;
  }

  async revision(): Promise<Revision> {
    const row = await this.database.prisma.indexStream.findUniqueOrThrow({ where: { id: 1 } });
    return { epoch: row.epoch, n: Number(row.n) };
  }

  async changesSince(
    since: Revision | undefined,
  ): Promise<{ revision: Revision; snapshot: boolean; nodes: StoredNode[] }> {
    // One snapshot of the database for both reads: a change between them would be skipped for ever.
    return this.database.transaction(
      async (tx) => {
        const stream = await tx.indexStream.findUniqueOrThrow({ where: { id: 1 } });
        const revision = { epoch: stream.epoch, n: Number(stream.n) };
        const followed =
          since !== undefined &&
          since.epoch === revision.epoch &&
          since.n <= revision.n &&
          since.n >= Number(stream.prunedN);
        if (followed && since.n === revision.n) return { revision, snapshot: false, nodes: [] };
        const rows = await tx.indexNode.findMany({
          ...(followed ? { where: { changedN: { gt: since.n } } } : {}),
          orderBy: { changedN: 'asc' },
        });
        return { revision, snapshot: !followed, nodes: rows.map(storedOf) };
      },
      { isolationLevel: 'RepeatableRead' },
    );
  }

  async find(nodeId: NodeId): Promise<StoredNode | undefined> {
    const row = await this.database.prisma.indexNode.findUnique({ where: { nodeId } });
    return row ? storedOf(row) : undefined;
  }

  async join(node: Parameters<NodeStore['join']>[0]): Promise<Revision | undefined> {
    const { manifest, membership, membershipEpoch, now } = node;
    const { nodeId, operatorId } = manifest;
    return this.database.transaction(async (tx) => {
      await tx.$executeRaw`
        INSERT INTO "index"."node" (node_id, operator_id, manifest, health, membership, membership_epoch, changed_n, joined_at, last_seen_at)
        VALUES (${nodeId}, ${operatorId}, ${JSON.stringify(manifest)}::jsonb, 'left', 'admitted', 0, 0, ${now}, ${now})
        ON CONFLICT DO NOTHING`;
      const row = await lockNode(tx, nodeId);
      const older = row.membershipEpoch > membershipEpoch;
      const decided = older ? row.membership : membership;
      if (decided === 'expelled') return undefined;
      const same =
        row.health === 'alive' &&
        row.membership === decided &&
        row.membershipEpoch >= membershipEpoch &&
        sameManifest(row.manifest, manifest);
      if (same && Number(row.changedN) > 0) return this.revisionIn(tx);
      // The stream's lock is held from here on: another claim to the same address is committed, or comes after this one.
      const revision = await nextRevision(tx);
      if (manifest.url !== undefined) refuseTaken(manifest, await addressed(tx));
      await tx.indexNode.update({
        where: { nodeId },
        data: {
          operatorId,
          manifest,
          health: 'alive',
          membership: decided,
          membershipEpoch: older ? row.membershipEpoch : membershipEpoch,
          changedN: revision.n,
          joinedAt: now,
          lastSeenAt: now,
        },
      });
      return revision;
    });
  }

  async move(nodeId: NodeId, from: ExpectedState, to: NewState): Promise<Revision | undefined> {
    return this.database.transaction(async (tx) => {
      const row = await lockNode(tx, nodeId);
      if (row.health !== from.health || row.membershipEpoch !== from.membershipEpoch) return undefined;
      const revision = await nextRevision(tx);
      await tx.indexNode.update({
        where: { nodeId },
        data: {
          health: to.health,
          lastSeenAt: to.seenAt,
          changedN: revision.n,
          ...(to.membership === undefined ? {} : { membership: to.membership }),
          ...(to.membershipEpoch === undefined ? {} : { membershipEpoch: to.membershipEpoch }),
        },
      });
      return revision;
    });
  }

  /**
   * Forgets nodes that went, fell asleep or died before `before` (expelled ones are remembered for ever, or they could
   * come back as new); who watches from an earlier number gets a snapshot. */
  async prune(before: Date): Promise<Revision | undefined> {
    return this.database.transaction(async (tx) => {
      const gone = await tx.$queryRaw<{ node_id: string }[]>`
        SELECT node_id FROM "index"."node"
        WHERE health IN ('dead', 'left', 'asleep') AND last_seen_at < ${before} ORDER BY node_id FOR UPDATE`;
      if (gone.length === 0) return undefined;
      const revision = await nextRevision(tx);
      await tx.indexNode.deleteMany({ where: { nodeId: { in: gone.map((row) => row.node_id) } } });
      await tx.indexStream.update({ where: { id: 1 }, data: { prunedN: revision.n } });
      return revision;
    });
  }

  private async revisionIn(tx: PrismaTransaction): Promise<Revision> {
    const row = await tx.indexStream.findUniqueOrThrow({ where: { id: 1 } });
    return { epoch: row.epoch, n: Number(row.n) };
  }
}

/** The nodes that declare an address. */
async function addressed(tx: PrismaTransaction): Promise<Holding[]> {
  const rows = await tx.$queryRaw<{ nodeId: string; health: string; manifest: NodeManifest }[]>`
    SELECT node_id AS "nodeId", health, manifest FROM "index"."node" WHERE manifest ? 'url'`;
  return rows.map(({ nodeId, health, manifest }) => ({ nodeId, health: nodeHealth.parse(health), manifest }));
}

async function lockNode(tx: PrismaTransaction, nodeId: NodeId): Promise<Row> {
  await tx.$queryRaw`SELECT 1 FROM "index"."node" WHERE node_id = ${nodeId} FOR UPDATE`;
  return tx.indexNode.findUniqueOrThrow({ where: { nodeId } });
}

async function nextRevision(tx: PrismaTransaction): Promise<Revision> {
  const row = await tx.indexStream.update({ where: { id: 1 }, data: { n: { increment: 1 } } });
  return { epoch: row.epoch, n: Number(row.n) };
}

function storedOf(row: Row): StoredNode {
  return {
    nodeId: row.nodeId,
    manifest: nodeManifest.parse(row.manifest),
    health: nodeHealth.parse(row.health),
    membership: membershipState.parse(row.membership),
    membershipEpoch: row.membershipEpoch,
    joinedAt: row.joinedAt,
    lastSeenAt: row.lastSeenAt,
  };
}

/** Signatures are over the content, so the same content with the same instant of issue is the same manifest. */
function sameManifest(stored: unknown, manifest: NodeManifest): boolean {
  const parsed = nodeManifest.safeParse(stored);
  if (!parsed.success || parsed.data.issuedAt !== manifest.issuedAt) return false;
  const own = new Set(parsed.data.signatures.map(({ signature }) => signature));
  return manifest.signatures.every(({ signature }) => own.has(signature));
}
