import type { PriceList } from '#contracts';
import { WatershedError } from '#errors';
import { documentTyp, type Sigil, signDocument } from '#sigil';
import type { PriceStore } from './price.ports.js';

type ModelPrice = PriceList['models'][number];
type UnsignedList = Omit<PriceList, 'signatures'>;

export interface PriceBookOptions {
  readonly store: PriceStore;
  readonly sigil: Sigil;
  readonly clusterId: string;
  readonly asset: string;
  readonly first: { readonly baseMicro: bigint; readonly perKibMicro: bigint };
  readonly now: () => Date;
  /** Called after a new list is durable. */
  readonly onChanged: (version: number) => void;
}

// Above this a price is a slip of the finger: a thousand drops a request, or a KiB.
const highestPriceMicro = 1_000_000_000n;
// How often to go on when another replica appends the same version first.
const mostTries = 10;

/** The list with this model's price in it; the same list when it says so already. */
export function withPrice(list: UnsignedList, price: ModelPrice, validFrom: Date): UnsignedList {
  const others = list.models.filter(({ model }) => model !== price.model);
  const models = [...others, price].sort((one, other) => (one.model < other.model ? -1 : 1));
  return { ...list, version: list.version + 1, models, validFrom: validFrom.toISOString() };
}

/** The cluster's prices: one signed list a version, the highest in force. */
export class PriceBook {
  readonly #options: PriceBookOptions;

  constructor(options: PriceBookOptions) {
    this.#options = options;
  }

  /** The list in force; made from the settings where there is none. */
  async current(): Promise<PriceList> {
    const { store, clusterId, asset, first, now } = this.#options;
    for (let tries = 0; tries < mostTries; tries += 1) {
      const latest = await store.latest();
      if (latest) return latest;
      const list = await this.#sign({
        type: documentTyp.priceList,
        clusterId,
        version: 1,
        asset,
        default: { baseMicro: String(first.baseMicro), perKibMicro: String(first.perKibMicro) },
        models: [],
        validFrom: now().toISOString(),
      });
      if (await store.append(list)) return list;
    }
    throw busy();
  }

  /** Sets a model's price; the same price again changes nothing. Throws `amount_invalid`. */
  async setPrice(price: ModelPrice): Promise<PriceList> {
    for (const micro of [price.baseMicro, price.perKibMicro].map(BigInt)) {
      if (micro < 0n || micro > highestPriceMicro) {
        throw new WatershedError('amount_invalid', `A price lies between 0 and ${highestPriceMicro} micro-units.`);
      }
    }
    for (let tries = 0; tries < mostTries; tries += 1) {
      const current = await this.current();
      const line = current.models.find(({ model }) => model === price.model);
      if (line?.baseMicro === price.baseMicro && line.perKibMicro === price.perKibMicro) return current;
      const { signatures: _, ...unsigned } = current;
      const next = await this.#sign(withPrice(unsigned, price, this.#options.now()));
      if (await this.#options.store.append(next)) {
        this.#options.onChanged(next.version);
        return next;
      }
    }
    throw busy();
  }

  #sign(list: UnsignedList): Promise<PriceList> {
    return signDocument(list, this.#options.sigil, { typ: documentTyp.priceList });
  }
}

function busy(): WatershedError {
  return new WatershedError('overloaded', 'Others are setting prices at this moment. Try again.', {
    retryAfterMs: 200,
  });
}
