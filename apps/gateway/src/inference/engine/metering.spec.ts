import type { UsageEvent } from '#contracts';
import { type ErrorCode, WatershedError } from '#errors';
import type { Reservation } from './budget.js';
import { Metering } from './metering.js';

const request = { personId: 'p', model: 'acme/m' as const, inputBytes: 3, usageId: 'u', repeatable: false };

function stand(over: { repeatable?: boolean; record?: (event: UsageEvent) => Promise<void> } = {}) {
  const told: string[] = [];
  let blocks = 0;
  const reservation = (): Reservation => {
    const blockId = `b${++blocks}`;
    const say = (what: string) => () => void told.push(`${what} ${blockId}`);
    return { blockId, amountMicro: 7n, spend: say('spent'), giveBack: say('given back'), discard: say('discarded') };
  };
  const line = (verb: string, { usageId, blockId, amountMicro, outcome }: UsageEvent) =>
    void told.push(`${verb} ${usageId === 'u' ? 'u' : 'another'} ${blockId} ${amountMicro} ${outcome}`);
  const metering = new Metering({ ...request, repeatable: over.repeatable ?? false }, reservation(), 7n, {
    usage: {
      record: async (event) => {
        line('recorded', event);
        await over.record?.(event);
      },
      amend: async (event) => line('amended', event),
    },
    budget: { reserve: async () => reservation() },
    now: () => new Date(0),
  });
  return { metering, told };
}
const refusal = (code: ErrorCode) => () => Promise.reject(new WatershedError(code, ''));
/** Refuses the first. */
const once = (refuse: () => Promise<void>, then = () => Promise.resolve()) => {
  let asked = 0;
  return () => (asked++ === 0 ? refuse() : then());
};

describe('Metering', () => {
  it('writes the row when content goes out, and nothing more where it is answered', async () => {
    const { metering, told } = stand();
    metering.begin();
    metering.begin();
    expect(told).toEqual(['recorded u b1 7 answered']);
    await metering.succeeded('answered');
    expect(told).toEqual(['recorded u b1 7 answered', 'spent b1']);
  });

  it('waits for the row before it lets an answer go', async () => {
    let durable: () => void = () => undefined;
    const { metering } = stand({ record: () => new Promise((resolve) => (durable = resolve)) });
    metering.begin();
    let answered = false;
    const answering = metering.succeeded('answered').then(() => (answered = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(answered).toBe(false);
    durable();
    await answering;
  });

  it.each([
    ['failed', (metering: Metering) => metering.failed(true), 'amended u b1 0 failed'],
    ['was abandoned', (metering: Metering) => metering.succeeded('abandoned'), 'amended u b1 7 abandoned'],
  ])('amends the row of what %s', async (_, end, amended) => {
    const { metering, told } = stand();
    metering.begin();
    await end(metering);
    expect(told).toEqual(['recorded u b1 7 answered', amended, 'spent b1']);
  });

  it('amends a row of which nobody knows whether it was written', async () => {
    const { metering, told } = stand({ record: refusal('deadline_exceeded') });
    metering.begin();
    await expect(metering.succeeded('answered')).rejects.toMatchObject({ code: 'deadline_exceeded' });
    await metering.failed(false);
    expect(told).toEqual(['recorded u b1 7 answered', 'amended u b1 0 failed', 'spent b1']);
  });

  it('leaves to whoever waits for a row that it is refused', async () => {
    const unhandled: unknown[] = [];
    const hear = (reason: unknown) => unhandled.push(reason);
    process.on('unhandledRejection', hear);
    const { metering } = stand({ record: refusal('deadline_exceeded') });
    metering.begin();
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    process.off('unhandledRejection', hear);
    expect(unhandled).toEqual([]);
    await metering.failed(true);
  });

  it.each([['transfer_settled' as const], ['transfer_unknown' as const], ['budget_exhausted' as const]])(
    'replaces a block that toll no longer honours (%s), once',
    async (code) => {
      const { metering, told } = stand({ record: once(refusal(code)) });
      metering.begin();
      await metering.succeeded('answered');
      expect(told).toEqual(['recorded u b1 7 answered', 'discarded b1', 'recorded u b2 7 answered', 'spent b2']);
    },
  );

  it('gives the second block back where toll honours that neither', async () => {
    const { metering, told } = stand({ record: refusal('transfer_settled') });
    metering.begin();
    await expect(metering.succeeded('answered')).rejects.toMatchObject({ code: 'transfer_settled' });
    await metering.failed(false);
    expect(told.slice(-2)).toEqual(['recorded u b2 7 answered', 'discarded b2']);
  });

  it('amends nothing where toll refused the row of a request that failed', async () => {
    const { metering, told } = stand({ record: refusal('transfer_settled') });
    metering.begin();
    await metering.failed(true);
    expect(told).toEqual(['recorded u b1 7 answered', 'discarded b1']);
  });

  it('writes nothing where no content went out', async () => {
    const { metering, told } = stand();
    await metering.failed(false);
    expect(told).toEqual(['given back b1']);
  });

  describe('under an Idempotency-Key', () => {
    it('writes the row when it is known how the request ended, and as it ended', async () => {
      const { metering, told } = stand({ repeatable: true });
      metering.begin();
      expect(told).toEqual([]);
      await metering.succeeded('abandoned');
      expect(told).toEqual(['recorded u b1 7 abandoned', 'spent b1']);
    });

    it.each([
      ['', refusal('deadline_exceeded'), 'b1'],
      [' in a second block', once(refusal('transfer_settled'), refusal('deadline_exceeded')), 'b2'],
    ])('amends no row of which nobody knows%s: the next attempt finds it, or writes it', async (_, record, block) => {
      const { metering, told } = stand({ repeatable: true, record });
      await expect(metering.succeeded('answered')).rejects.toMatchObject({ code: 'deadline_exceeded' });
      await metering.failed(false);
      expect(told.slice(-2)).toEqual([`recorded u ${block} 7 answered`, `spent ${block}`]);
    });

    it('writes what failed under an id of its own, since the next attempt uses this one again', async () => {
      const { metering, told } = stand({ repeatable: true });
      metering.begin();
      await metering.failed(true);
      expect(told).toEqual(['recorded another b1 0 failed', 'given back b1']);
    });

    it('tells of the failure all the same where even that cannot be written', async () => {
      const { metering, told } = stand({ repeatable: true, record: refusal('deadline_exceeded') });
      await metering.failed(true);
      expect(told).toEqual(['recorded another b1 0 failed', 'given back b1']);
    });
  });
});
