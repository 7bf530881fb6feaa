import type { PriceList } from '#contracts';

const bytesPerKib = 1024;

interface Price {
  readonly baseMicro: bigint;
  readonly perKibMicro: bigint;
}

interface Prices {
  readonly byModel: ReadonlyMap<string, Price>;
  readonly default: Price;
}

// A list is asked for at every request and changes rarely: its decimal strings are read once. Keyed by the list itself,
// so that nothing outlives it.
const readLists = new WeakMap<PriceList, Prices>();

const read = (line: { baseMicro: string; perKibMicro: string }): Price => ({
  baseMicro: BigInt(line.baseMicro),
  perKibMicro: BigInt(line.perKibMicro),
});

function pricesOf(list: PriceList): Prices {
  const known = readLists.get(list);
  if (known) return known;
  const prices = {
    byModel: new Map(list.models.map((line) => [line.model, read(line)])),
    default: read(list.default),
  };
  readLists.set(list, prices);
  return prices;
}

/** KiB of input begun: 0 bytes are 0, 1 byte is 1, 1,025 bytes are 2. Throws a RangeError on what is no size. */
export function kibBegun(inputBytes: number): bigint {
  if (!Number.isSafeInteger(inputBytes) || inputBytes < 0) throw new RangeError('a size is a whole number of bytes');
  return BigInt(Math.ceil(inputBytes / bytesPerKib));
}

/** What one request costs by this list, in micro-units of its asset: the model's base and its price for each KiB begun. */
export function priceOf(list: PriceList, model: string, inputBytes: number): bigint {
  const prices = pricesOf(list);
  const price = prices.byModel.get(model) ?? prices.default;
  return price.baseMicro + price.perKibMicro * kibBegun(inputBytes);
}
