import type { ReserveItem } from './inference.ports.js';
import { SpareTickets } from './spare-tickets.js';

const node = 'N'.repeat(43);
const item = (change: Partial<ReserveItem> = {}): ReserveItem => ({
  taskId: 'task',
  grant: 'grant',
  sizeBytes: 100,
  model: 'org/model',
  form: 'text',
  ...change,
});

describe('spare tickets', () => {
  let asked: ReserveItem[];
  /** How many were asked for at a time. */
  let books: { item: ReserveItem; count: number }[];
  let now: number;
  let refuseAhead: boolean;
  let spares: SpareTickets;
  let given: number;
  let later: (() => void)[];

  beforeEach(() => {
    asked = [];
    books = [];
    later = [];
    now = 0;
    given = 0;
    refuseAhead = false;
    const ticket = ({ sizeBytes }: ReserveItem) => {
      given += 1;
      return { url: 'http://127.0.0.1:1/', token: `${given}`, maxBytes: sizeBytes };
    };
    spares = new SpareTickets({
      reserve: async (_, item) => {
        asked.push(item);
        return ticket(item);
      },
      reserveAhead: async (_, item, count) => {
        books.push({ item, count });
        if (refuseAhead) throw new Error('refused');
        return Array.from({ length: count }, () => ticket(item));
      },
      maxBytes: 1_000,
      maxAtOnce: 8,
      freshMs: 10_000,
      inAMoment: (ask) => void later.push(ask),
      maxGrants: 2,
      now: () => now,
    });
  });

  /** The moment after which spares are asked for. */
  const moment = () => {
    for (const ask of later.splice(0)) ask();
  };

  it('has one ready for the next request, good for a larger content', async () => {
    expect((await spares.reserve(node, item())).ahead).toBe(false);
    expect(books).toEqual([]);
    moment();
    expect(books).toMatchObject([{ count: 1, item: { sizeBytes: 1_000, grant: 'grant', model: 'org/model' } }]);
    expect(books[0]?.item.taskId).not.toBe('task');
    const next = await spares.reserve(node, item({ sizeBytes: 1_000 }));
    expect([next.ahead, next.ticket.maxBytes]).toEqual([true, 1_000]);
    moment();
    expect(books).toHaveLength(2);
  });

  it('gives each to one request only', async () => {
    await spares.reserve(node, item());
    moment();
    const both = await Promise.all([spares.reserve(node, item()), spares.reserve(node, item())]);
    expect(both.map((each) => each.ahead)).toEqual([true, false]);
    expect(new Set(both.map((each) => each.ticket.token)).size).toBe(2);
  });

  it('asks for more at once the sooner they are used, and for fewer after a pause', async () => {
    const used = new Set<string>();
    for (let request = 0; request < 60; request++) {
      const { ticket } = await spares.reserve(node, item());
      expect(used.has(ticket.token)).toBe(false);
      used.add(ticket.token);
      moment();
      now += 1;
    }
    expect(asked).toHaveLength(1);
    expect(books.map(({ count }) => count)).toEqual([1, 2, 4, 8, 8, 8, 8, 8, 8, 8]);
    now += 10_000; // all of them are too old by now
    expect((await spares.reserve(node, item())).ahead).toBe(false);
    moment();
    expect(books.at(-1)?.count).toBe(4);
  });

  it('asks once for a crowd', async () => {
    await Promise.all(Array.from({ length: 50 }, () => spares.reserve(node, item())));
    moment();
    expect([asked.length, books.length]).toEqual([50, 1]);
  });

  it.each([
    ['grant', node, { grant: 'other' }],
    ['model', node, { model: 'org/other' }],
    ['version', node, { version: '2.0.0' }],
    ['form', node, { form: 'tensors' as const }],
    ['runner', 'M'.repeat(43), {}],
    ['size', node, { sizeBytes: 1_001 }],
  ])('is for the same %s only', async (_, other, change) => {
    await spares.reserve(node, item());
    moment();
    expect((await spares.reserve(other, item(change))).ahead).toBe(false);
  });

  it('is not used when it is old, nor any of its age when a new one is wanted', async () => {
    for (let request = 0; request < 3; request++) {
      await spares.reserve(node, item());
      moment();
    }
    expect((await spares.reserve(node, item())).ahead).toBe(true);
    moment();
    expect((await spares.reserve(node, item(), true)).ahead).toBe(false);
    expect((await spares.reserve(node, item())).ahead).toBe(false);
    moment();
    expect((await spares.reserve(node, item())).ahead).toBe(true);
    now = 10_000;
    expect((await spares.reserve(node, item())).ahead).toBe(false);
  });

  it('does without where the runner gives none ahead, and asks again', async () => {
    refuseAhead = true;
    for (let round = 1; round <= 4; round++) {
      expect((await spares.reserve(node, item())).ahead).toBe(false);
      moment();
    }
    expect(books.length).toBeGreaterThanOrEqual(2);
    refuseAhead = false;
    for (let round = 1; round <= 8; round++) {
      await spares.reserve(node, item());
      moment();
    }
    expect((await spares.reserve(node, item())).ahead).toBe(true);
  });
});
