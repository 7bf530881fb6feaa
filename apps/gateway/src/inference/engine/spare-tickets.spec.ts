import { eventually } from '#testing';
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
  let now: number;
  let refuseAhead: boolean;
  let spares: SpareTickets;

  beforeEach(() => {
    const wants: ReserveItem[] = []; // a test's own: the last of the one before may still be asking
    asked = wants;
    now = 0;
    refuseAhead = false;
    spares = new SpareTickets({
      reserve: async (_, wanted) => {
        wants.push(wanted);
        if (wanted.ahead && refuseAhead) throw new Error('refused');
        return { url: 'http://127.0.0.1:1/', token: `${wants.length}`, maxBytes: wanted.sizeBytes };
      },
      maxBytes: 1_000,
      freshMs: 10_000,
      askAfterMs: 0,
      maxGrants: 2,
      now: () => now,
    });
  });

  const ahead = () => asked.filter((each) => each.ahead).length;

  it('has one ready for the next request, good for a larger content', async () => {
    expect((await spares.reserve(node, item())).ahead).toBe(false);
    await eventually(() => expect(ahead()).toBe(1));
    expect(asked.at(-1)).toMatchObject({ ahead: true, sizeBytes: 1_000, grant: 'grant', model: 'org/model' });
    expect(asked.at(-1)?.taskId).not.toBe('task');
    const next = await spares.reserve(node, item({ sizeBytes: 1_000 }));
    expect([next.ahead, next.ticket.maxBytes]).toEqual([true, 1_000]);
    await eventually(() => expect(ahead()).toBe(2));
  });

  it('gives each to one request only', async () => {
    await spares.reserve(node, item());
    await eventually(() => expect(ahead()).toBe(1));
    const both = await Promise.all([spares.reserve(node, item()), spares.reserve(node, item())]);
    expect(both.map((each) => each.ahead)).toEqual([true, false]);
    expect(new Set(both.map((each) => each.ticket.token)).size).toBe(2);
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
    await eventually(() => expect(ahead()).toBe(1));
    expect((await spares.reserve(other, item(change))).ahead).toBe(false);
  });

  it('is not used when it is old, or when a new one is wanted', async () => {
    await spares.reserve(node, item());
    await eventually(() => expect(ahead()).toBe(1));
    expect((await spares.reserve(node, item(), true)).ahead).toBe(false);
    await eventually(() => expect(ahead()).toBe(2));
    now = 10_000;
    expect((await spares.reserve(node, item())).ahead).toBe(false);
  });

  it('does without where the runner gives none ahead', async () => {
    refuseAhead = true;
    for (let round = 1; round <= 3; round++) {
      expect((await spares.reserve(node, item())).ahead).toBe(false);
      await eventually(() => expect(ahead()).toBe(round));
    }
  });
});
