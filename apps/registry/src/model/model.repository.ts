import { type ModelManifest, type ModelVersion, modelVersion } from '#contracts';
import { type Database, isUniqueViolation, Outbox, type Prisma, type PrismaTransaction } from '#persistence';
import type { ModelCursor, ModelStore, ReviewState, VersionId } from './engine/model.ports.js';

interface VersionRow {
  readonly name: string;
  readonly version: string;
  readonly serial: number;
  readonly digest: string;
  readonly review: string;
  readonly manifest: unknown;
  readonly createdAt: Date;
}

export const modelsChangedKind = 'models-changed';

export class ModelRepository implements ModelStore {
  readonly #database: Database;
  readonly #outbox = new Outbox('registry');

  constructor(database: Database) {
    this.#database = database;
  }

  async find(name: string, version: string): Promise<ModelVersion | undefined> {
    const row = await this.#database.prisma.registryVersion.findUnique({ where: { name_version: { name, version } } });
    return row ? versionOf(row) : undefined;
  }

  async approved(name: string): Promise<readonly VersionId[]> {
    const where = { name, review: 'approved' };
    return this.#database.prisma.registryVersion.findMany({ where, select: { name: true, version: true } });
  }

  async page(after: ModelCursor | undefined, limit: number, review?: ReviewState): Promise<readonly ModelVersion[]> {
    const rows = await this.#database.prisma.registryVersion.findMany({
      where: {
        ...(review ? { review } : {}),
        ...(after ? { OR: [{ name: { gt: after.name } }, { name: after.name, serial: { gt: after.serial } }] } : {}),
      },
      orderBy: [{ name: 'asc' }, { serial: 'asc' }],
      take: limit,
    });
    return rows.map(versionOf);
  }

  async add(manifest: ModelManifest, digest: string): Promise<ModelVersion> {
    const { name, version } = manifest;
    try {
      return await this.#database.transaction(async (tx) => {
        // The model's row is locked until the commit, so serials have no gaps that another submission could fall into.
        const { nextSerial } = await tx.registryModel.upsert({
          where: { name },
          create: { name, nextSerial: 2 },
          update: { nextSerial: { increment: 1 } },
        });
        const row = await tx.registryVersion.create({
          data: {
            name,
            version,
            serial: nextSerial - 1,
            digest,
            manifest: jsonOf(manifest),
            blobSha256: manifest.blob.sha256,
            blobSizeBytes: manifest.blob.sizeBytes,
          },
        });
        await this.#announce(tx, row);
        return versionOf(row);
      });
    } catch (error) {
      const existing = isUniqueViolation(error) ? await this.find(name, version) : undefined;
      if (existing) return existing;
      throw error;
    }
  }

  review(
    found: ModelVersion,
    change: { review: ReviewState; manifest: ModelManifest; reviewer: string },
  ): Promise<ModelVersion | undefined> {
    const { name, version } = found;
    return this.#database.transaction(async (tx) => {
      const [row] = await tx.registryVersion.updateManyAndReturn({
        where: { name, version, review: found.review },
        data: { review: change.review, manifest: jsonOf(change.manifest) },
      });
      if (!row) return undefined;
      await tx.registryReview.create({ data: { name, version, review: change.review, reviewer: change.reviewer } });
      await this.#announce(tx, row);
      return versionOf(row);
    });
  }

  async isReferenced(blobSha256: string): Promise<boolean> {
    return (
      (await this.#database.prisma.registryVersion.findFirst({ where: { blobSha256 }, select: { name: true } })) !==
      null
    );
  }

  async approvedWith(blobSha256: string, { after, limit }: { after?: VersionId; limit: number }): Promise<VersionId[]> {
    return this.#database.prisma.registryVersion.findMany({
      where: {
        blobSha256,
        review: 'approved',
        ...(after ? { OR: [{ name: { gt: after.name } }, { name: after.name, version: { gt: after.version } }] } : {}),
      },
      orderBy: [{ name: 'asc' }, { version: 'asc' }],
      take: limit,
      select: { name: true, version: true },
    });
  }

  async #announce(tx: PrismaTransaction, { name, version, review }: VersionRow): Promise<void> {
    await this.#outbox.append(tx, { stream: name, kind: modelsChangedKind, payload: { name, version, review } });
  }
}

/** Prisma's JSON has no `undefined`, which optional members of a parsed manifest may be. */
function jsonOf(manifest: ModelManifest): Prisma.InputJsonObject {
  return JSON.parse(JSON.stringify(manifest));
}

function versionOf(row: VersionRow): ModelVersion {
  return modelVersion.parse({
    name: row.name,
    version: row.version,
    serial: row.serial,
    digest: row.digest,
    review: row.review,
    manifest: row.manifest,
    createdAt: row.createdAt.toISOString(),
  });
}
