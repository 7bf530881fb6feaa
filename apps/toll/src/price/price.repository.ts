import { type PriceList, priceList } from '#contracts';
import { type Database, isUniqueViolation, type Prisma } from '#persistence';
import type { PriceStore } from './engine/price.ports.js';

export class PriceRepository implements PriceStore {
  readonly #prisma: Database['prisma'];

  constructor(database: Pick<Database, 'prisma'>) {
    this.#prisma = database.prisma;
  }

  async latest(): Promise<PriceList | undefined> {
    const row = await this.#prisma.tollPriceList.findFirst({ orderBy: { version: 'desc' } });
    return row ? priceList.parse(row.document) : undefined;
  }

  async append(list: PriceList): Promise<boolean> {
    try {
      const document: Prisma.InputJsonObject = { ...list };
      await this.#prisma.tollPriceList.create({ data: { version: list.version, document } });
      return true;
    } catch (error) {
      if (isUniqueViolation(error)) return false;
      throw error;
    }
  }
}
