import { type BatchOutcome, Coalescer } from './coalescer.js';

const doubled = (items: readonly number[]): BatchOutcome<number>[] =>
  items.map((item) => ({ ok: true, value: item * 2 }));

describe('Coalescer', () => {
  it('sends what comes in one turn together, in order, and answers each its own', async () => {
    const batches: number[][] = [];
    const coalescer = new Coalescer<number, number>({
      maxBatch: 10,
      concurrency: 1,
      lingerMs: 0,
      send: async (items) => {
        batches.push([...items]);
        return doubled(items);
      },
    });
    expect(await Promise.all([1, 2, 3].map((item) => coalescer.add(item)))).toEqual([2, 4, 6]);
    expect(batches).toEqual([[1, 2, 3]]);
  });

  it('makes the next batch of all that waits while one is under way, and no larger than it may be', async () => {
    const batches: number[] = [];
    let open: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      open = resolve;
    });
    const coalescer = new Coalescer<number, number>({
      maxBatch: 4,
      concurrency: 1,
      lingerMs: 0,
      send: async (items) => {
        batches.push(items.length);
        if (batches.length === 1) await held;
        return doubled(items);
      },
    });
    const first = coalescer.add(0);
    await new Promise((resolve) => setImmediate(resolve));
    const rest = Promise.all([1, 2, 3, 4, 5, 6].map((item) => coalescer.add(item)));
    open();
    expect(await first).toBe(0);
    expect(await rest).toEqual([2, 4, 6, 8, 10, 12]);
    expect(batches).toEqual([1, 4, 2]);
  });

  it('fails one item without its neighbours, and a batch without the next', async () => {
    let call = 0;
    const coalescer = new Coalescer<string, string>({
      maxBatch: 10,
      concurrency: 1,
      lingerMs: 0,
      send: async (items) => {
        call++;
        if (call === 2) throw new Error('the whole batch');
        return items.map((item) =>
          item === 'bad' ? { ok: false, error: new Error('this one') } : { ok: true, value: item },
        );
      },
    });
    const mixed = await Promise.allSettled(['a', 'bad', 'c'].map((item) => coalescer.add(item)));
    expect(mixed.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    await expect(coalescer.add('d')).rejects.toThrow('the whole batch');
    await expect(coalescer.add('e')).resolves.toBe('e');
  });

  it('refuses an item that a batch forgot to answer', async () => {
    const coalescer = new Coalescer<number, number>({
      maxBatch: 10,
      concurrency: 1,
      lingerMs: 0,
      send: async () => [],
    });
    await expect(coalescer.add(1)).rejects.toThrow('fewer outcomes');
  });

  it('waits for a crowd to gather, and for nobody who comes alone', async () => {
    const batches: number[] = [];
    const coalescer = new Coalescer<number, number>({
      maxBatch: 10,
      concurrency: 1,
      lingerMs: 5,
      send: async (items) => {
        batches.push(items.length);
        return doubled(items);
      },
    });
    await Promise.all([1, 2].map((item) => coalescer.add(item)));
    const gathered = [coalescer.add(3)];
    await new Promise((resolve) => setImmediate(resolve));
    gathered.push(coalescer.add(4));
    await Promise.all(gathered);
    expect(batches).toEqual([2, 2]);
    const alone = [coalescer.add(5)];
    await Promise.all(alone);
    const next = coalescer.add(6);
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    expect(batches).toEqual([2, 2, 1, 1]);
    await next;
  });

  it('is drained when nothing waits and nothing is under way', async () => {
    let done = 0;
    const coalescer = new Coalescer<number, number>({
      maxBatch: 1,
      concurrency: 2,
      lingerMs: 0,
      send: async (items) => {
        await new Promise((resolve) => setImmediate(resolve));
        done += items.length;
        return doubled(items);
      },
    });
    for (let n = 0; n < 5; n++) void coalescer.add(n);
    await coalescer.drained();
    expect(done).toBe(5);
    expect(coalescer.idle).toBe(true);
    await coalescer.drained();
  });
});
