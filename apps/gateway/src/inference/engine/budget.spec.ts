import fc from 'fast-check';
import { WatershedError } from '#errors';
import { propertyRuns } from '#testing';
import { Budget, type BudgetOptions, type DrawnBlock, type Reservation } from './budget.js';

const person = 'p';

/** A purse with the rules of toll's blocks. */
class Purse {
  readonly blocks = new Map<string, { amountMicro: bigint; spentMicro: bigint; released: boolean }>();
  draws = 0;
  now = 1_000_000;
  /** Held draws wait here for `let`. */
  gate?: Promise<void>;

  constructor(public balanceMicro: bigint) {}

  get heldMicro(): bigint {
    let held = 0n;
    for (const block of this.blocks.values()) if (!block.released) held += block.amountMicro - block.spentMicro;
    return held;
  }

  async draw({
    blockId,
    atLeastMicro,
    wantedMicro,
  }: {
    blockId: string;
    atLeastMicro: bigint;
    wantedMicro: bigint;
  }): Promise<DrawnBlock> {
    this.draws++;
    await this.gate;
    const free = this.balanceMicro - this.heldMicro;
    if (free < atLeastMicro) throw new WatershedError('purse_empty', 'empty');
    const amountMicro = free < wantedMicro ? free : wantedMicro;
    this.blocks.set(blockId, { amountMicro, spentMicro: 0n, released: false });
    return { blockId, amountMicro, expiresAt: new Date(this.now + 60_000) };
  }

  async release(blockId: string): Promise<void> {
    const block = this.blocks.get(blockId);
    if (!block || block.released) throw new Error('released twice, or never drawn');
    block.released = true;
  }

  spend({ blockId, amountMicro }: Reservation): void {
    const block = this.blocks.get(blockId);
    if (!block || block.released) throw new Error('spent from a block that is gone');
    block.spentMicro += amountMicro;
    if (block.spentMicro > block.amountMicro) throw new Error('spent beyond the block');
    this.balanceMicro -= amountMicro;
  }
}

const budgetOver = (purse: Purse, options: Partial<BudgetOptions> = {}) =>
  new Budget({
    port: purse,
    requestsPerBlock: 4,
    maxRequestsPerBlock: 64,
    idleMs: 10_000,
    expiryMarginMs: 20_000,
    emptyMemoryMs: 1,
    reserveLimitMs: 1_000,
    returnLimitMs: 1,
    now: () => purse.now,
    ...options,
  });

const settle = (purse: Purse, reservation: Reservation) => {
  purse.spend(reservation);
  reservation.spend();
};

describe('Budget', () => {
  it('draws once for all who come at once', async () => {
    const purse = new Purse(10_000n);
    const budget = budgetOver(purse, { requestsPerBlock: 100 });
    const all = await Promise.all(Array.from({ length: 50 }, () => budget.reserve(person, 10n)));
    expect(new Set(all.map(({ blockId }) => blockId)).size).toBe(1);
    expect(purse.draws).toBe(1);
  });

  it('refills ahead, so that a busy person never waits for a draw', async () => {
    const purse = new Purse(100_000n);
    const budget = budgetOver(purse);
    settle(purse, await budget.reserve(person, 10n));
    settle(purse, await budget.reserve(person, 10n));
    expect(purse.draws).toBe(1);
    settle(purse, await budget.reserve(person, 10n)); // below half
    await new Promise((resolve) => setImmediate(resolve));
    expect(purse.draws).toBe(2);
    await budget.drain();
    expect(purse.heldMicro).toBe(0n);
  });

  it('gives the one who is busy larger blocks, and forgets that after a rest', async () => {
    const purse = new Purse(1_000_000n);
    const budget = budgetOver(purse);
    for (let n = 0; n < 200; n++) {
      settle(purse, await budget.reserve(person, 10n));
      await new Promise((resolve) => setImmediate(resolve));
    }
    const sizes = [...purse.blocks.values()].map(({ amountMicro }) => amountMicro);
    expect(sizes.slice(0, 3)).toEqual([40n, 80n, 160n]);
    expect(sizes.every((size) => size <= 640n)).toBe(true);
    purse.now += 15_000;
    budget.sweep();
    await budget.reserve(person, 10n);
    expect([...purse.blocks.values()].at(-1)?.amountMicro).toBe(40n);
  });

  it('refuses an empty purse, asks toll once for a crowd, and looks again when money came', async () => {
    const purse = new Purse(5n);
    const budget = budgetOver(purse, { emptyMemoryMs: 60_000 });
    const crowd = await Promise.allSettled(Array.from({ length: 20 }, () => budget.reserve(person, 10n)));
    expect(crowd.every((each) => each.status === 'rejected' && each.reason.code === 'purse_empty')).toBe(true);
    await expect(budget.reserve(person, 10n)).rejects.toMatchObject({ code: 'purse_empty' });
    expect(purse.draws).toBe(1);
    purse.balanceMicro = 100n;
    budget.credited(person);
    await expect(budget.reserve(person, 10n)).resolves.toBeDefined();
  });

  it('asks for a request that needs more, though nothing was there when it asked ahead', async () => {
    const purse = new Purse(40n);
    const budget = budgetOver(purse, { emptyMemoryMs: 60_000 });
    for (let n = 0; n < 4; n++) settle(purse, await budget.reserve(person, 10n));
    expect(purse.draws).toBe(2);
    await new Promise((resolve) => setImmediate(resolve)); // what was asked ahead has been refused
    purse.balanceMicro += 10n;
    settle(purse, await budget.reserve(person, 10n));
    await expect(budget.reserve(person, 10n)).rejects.toMatchObject({ code: 'purse_empty' });
  });

  it('gives back what is idle, and what nears its end only when its usage is durable', async () => {
    const purse = new Purse(1_000n);
    const budget = budgetOver(purse);
    const slow = await budget.reserve(person, 10n);
    purse.now += 45_000; // within the margin of the block's end
    budget.sweep();
    expect(purse.blocks.get(slow.blockId)?.released).toBe(false);
    const next = await budget.reserve(person, 10n);
    expect(next.blockId).not.toBe(slow.blockId);
    settle(purse, slow);
    await budget.drain();
    expect(purse.blocks.get(slow.blockId)?.released).toBe(true);
    expect(purse.blocks.get(next.blockId)?.released).toBe(false);
    settle(purse, next);
    await budget.drain();
    expect(purse.heldMicro).toBe(0n);
  });

  it('settles a reservation once, however often it is told', async () => {
    const purse = new Purse(1_000n);
    const budget = budgetOver(purse);
    const reservation = await budget.reserve(person, 10n);
    reservation.giveBack();
    reservation.giveBack();
    reservation.spend();
    const all = await Promise.all([1, 2].map(() => budget.reserve(person, 20n)));
    expect(all.map(({ blockId }) => blockId)).toEqual([reservation.blockId, reservation.blockId]);
  });

  it('never spends beyond a block or the purse, and holds nothing in the end', async () => {
    const step = fc.record({
      price: fc.bigInt(0n, 60n),
      spend: fc.boolean(),
      rest: fc.nat({ max: 30_000 }),
      burst: fc.integer({ min: 1, max: 12 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.bigInt(0n, 3_000n), fc.array(step, { maxLength: 40 }), async (balance, steps) => {
        const purse = new Purse(balance);
        const budget = budgetOver(purse);
        let spent = 0n;
        for (const { price, spend, rest, burst } of steps) {
          const all = await Promise.allSettled(Array.from({ length: burst }, () => budget.reserve(person, price)));
          for (const each of all) {
            if (each.status === 'rejected') expect(['purse_empty', 'overloaded']).toContain(each.reason.code);
            else if (spend) {
              settle(purse, each.value);
              spent += price;
            } else each.value.giveBack();
          }
          purse.now += rest;
          budget.sweep();
        }
        await budget.drain();
        expect(purse.balanceMicro).toBe(balance - spent);
        expect(purse.heldMicro).toBe(0n);
        expect(budget.blocks).toBe(0);
      }),
      propertyRuns(150),
    );
  });
});
