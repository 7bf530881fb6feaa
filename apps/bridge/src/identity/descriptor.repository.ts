import { clusterDelegation, clusterDescriptor } from '#contracts';
import { type Database, isUniqueViolation, type Prisma } from '#persistence';
import type { DescriptorStore, IssuedDescriptor } from './engine/identity.ports.js';

export class DescriptorRepository implements DescriptorStore {
  readonly #prisma: Database['prisma'];

  constructor(database: Pick<Database, 'prisma'>) {
    this.#prisma = database.prisma;
  }

  async latest(clusterId: string): Promise<IssuedDescriptor | undefined> {
    const row = await this.#prisma.bridgeDescriptor.findUnique({ where: { clusterId } });
    if (!row) return undefined;
    return {
      descriptor: clusterDescriptor.parse(row.document),
      delegation: clusterDelegation.parse(row.delegation),
      contentDigest: row.contentDigest,
    };
  }

  async replace(previous: IssuedDescriptor | undefined, next: IssuedDescriptor): Promise<boolean> {
    const { clusterId, epoch, sequence, issuedAt, expiresAt } = next.descriptor;
    const document: Prisma.InputJsonObject = { ...next.descriptor };
    const delegation: Prisma.InputJsonObject = { ...next.delegation };
    const row = { epoch, sequence, document, delegation, contentDigest: next.contentDigest, issuedAt, expiresAt };
    if (previous) {
      const { descriptor } = previous;
      const { count } = await this.#prisma.bridgeDescriptor.updateMany({
        where: { clusterId, epoch: descriptor.epoch, sequence: descriptor.sequence },
        data: row,
      });
      return count === 1;
    }
    try {
      await this.#prisma.bridgeDescriptor.create({ data: { clusterId, ...row } });
      return true;
    } catch (error) {
      if (isUniqueViolation(error)) return false;
      throw error;
    }
  }
}
