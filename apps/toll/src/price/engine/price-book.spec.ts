import { type PriceList, priceList } from '#contracts';
import { generateSigil, type Sigil, verifyDocument } from '#sigil';
import { PriceBook, withPrice } from './price-book.js';

const line = { model: 'watershed/language-id', baseMicro: '5', perKibMicro: '2' };

class MemoryPrices {
  readonly lists: PriceList[] = [];
  async latest() {
    return this.lists.at(-1);
  }
  async append(list: PriceList) {
    if (this.lists.some(({ version }) => version === list.version)) return false;
    this.lists.push(list);
    return true;
  }
}

describe('PriceBook', () => {
  let sigil: Sigil;
  const changed: number[] = [];
  const bookOf = (store: MemoryPrices) =>
    new PriceBook({
      store,
      sigil,
      clusterId: 'c'.repeat(43),
      asset: 'drop',
      first: { baseMicro: 100n, perKibMicro: 20n },
      now: () => new Date('2026-11-21T10:00:00Z'),
      onChanged: (version) => changed.push(version),
    });
  beforeAll(async () => {
    sigil = await generateSigil('price');
  });
  beforeEach(() => void changed.splice(0));

  it('starts with a signed list from the settings', async () => {
    const list = await bookOf(new MemoryPrices()).current();
    expect(priceList.parse(list)).toMatchObject({ version: 1, default: { baseMicro: '100', perKibMicro: '20' } });
    await verifyDocument(list, { typ: 'watershed/price-list', key: sigil.publicJwk, purpose: 'price' });
  });

  it('sets a price by a new signed version, and the same price again changes nothing', async () => {
    const store = new MemoryPrices();
    const book = bookOf(store);
    const list = await book.setPrice(line);
    expect(list).toMatchObject({ version: 2, models: [line] });
    await verifyDocument(list, { typ: 'watershed/price-list', key: sigil.publicJwk, purpose: 'price' });
    expect(await book.setPrice(line)).toEqual(list);
    expect(changed).toEqual([2]);
    expect((await book.setPrice({ ...line, baseMicro: '6' })).models).toEqual([{ ...line, baseMicro: '6' }]);
  });

  it('loses no price when two are set at once', async () => {
    const store = new MemoryPrices();
    const [one, other] = [bookOf(store), bookOf(store)];
    await Promise.all([
      one.setPrice(line),
      other.setPrice({ ...line, model: 'watershed/b' }),
      one.setPrice({ ...line, model: 'watershed/a' }),
    ]);
    expect((await one.current()).models.map(({ model }) => model)).toEqual([
      'watershed/a',
      'watershed/b',
      'watershed/language-id',
    ]);
    expect(store.lists.map(({ version }) => version)).toEqual([1, 2, 3, 4]);
  });

  it.each(['-1', '1000000001'])('refuses %s as a price', async (baseMicro) => {
    const store = new MemoryPrices();
    await expect(bookOf(store).setPrice({ ...line, baseMicro })).rejects.toMatchObject({ code: 'amount_invalid' });
    expect(store.lists).toEqual([]);
  });

  it('changes nothing of the list it starts from', async () => {
    const list = await bookOf(new MemoryPrices()).current();
    const before = structuredClone(list);
    withPrice(list, line, new Date());
    expect(list).toEqual(before);
  });
});
