import { randomUUID } from 'node:crypto';
import { jest } from '@jest/globals';
import pg from 'pg';
import { emptyDatabase, eventually } from '#testing';
import { type Database, openDatabase } from './database.js';
import { Outbox } from './outbox.js';
import { OutboxRelay, type OutboxRelayOptions } from './outbox-relay.js';
import type { OutboxMessage } from './outbox-store.js';
import { OutboxStore } from './outbox-store.js';
import { outboxTables } from './outbox-tables.js';

let scratch: Awaited<ReturnType<typeof emptyDatabase>>;
let database: Database;
const outbox = new Outbox('toll');
const relays: OutboxRelay[] = [];

const append = (stream: string, payload: unknown, dedupKey?: string) =>
  database.sqlTransaction((tx) =>
    outbox.append(tx, { stream, kind: 'note', payload, ...(dedupKey ? { dedupKey } : {}) }),
  );

async function relay(deliver: (message: OutboxMessage) => Promise<void>, more: Partial<OutboxRelayOptions> = {}) {
  const made = new OutboxRelay({
    pool: database.pool,
    app: 'toll',
    deliver,
    backoffMs: 20,
    maxBackoffMs: 100,
    ...more,
  });
  relays.push(made);
  await made.start();
  return made;
}

beforeEach(async () => {
  scratch = await emptyDatabase();
  database = await openDatabase({ url: scratch.adminUrl, applicationName: 'outbox-test', poolSize: 6 });
  await database.pool.query(`CREATE SCHEMA toll; ${outboxTables('toll')}`);
});
afterEach(async () => {
  await Promise.all(relays.splice(0).map((one) => one.close()));
  await database.close();
  await scratch.close();
});

test('an entry exists exactly when its effect does, in Prisma and in plain SQL', async () => {
  await database.transaction((tx) => outbox.append(tx, { stream: 's', kind: 'note', payload: { n: 1 } }));
  await append('s', { n: 2 });
  const undone = database.transaction(async (tx) => {
    await outbox.append(tx, { stream: 's', kind: 'note', payload: { n: 3 } });
    throw new Error('the effect failed');
  });
  await expect(undone).rejects.toThrow('the effect failed');
  const { rows } = await database.pool.query('SELECT sequence, payload FROM toll.outbox_message ORDER BY sequence');
  expect(rows).toEqual([
    { sequence: '1', payload: { n: 1 } },
    { sequence: '2', payload: { n: 2 } },
  ]);
});

/** Two transactions: the first writes first and commits last. Answers what a reader sees in between and after. */
async function interleave(
  write: (client: pg.PoolClient, n: number) => Promise<unknown>,
  read: () => Promise<number[]>,
) {
  const early = await database.pool.connect();
  const late = await database.pool.connect();
  try {
    await early.query('BEGIN');
    await late.query('BEGIN');
    await write(early, 1);
    const second = write(late, 2).then(() => late.query('COMMIT'));
    await Promise.race([
      second,
      eventually(async () => {
        const { rowCount } = await database.pool.query("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'");
        return (rowCount ?? 0) > 0;
      }),
    ]);
    const between = await read();
    await early.query('COMMIT');
    await second;
    return { between, after: await read() };
  } finally {
    early.release();
    late.release();
  }
}

test('interleaved commits are never skipped, where a bigserial skips', async () => {
  // The reader keeps a cursor, as every outbox reader does, and takes what lies behind it.
  const cursorReader = (sql: string) => {
    let cursor = '0';
    const seen: number[] = [];
    return async () => {
      const { rows } = await database.pool.query<{ place: string; n: number }>(sql, [cursor]);
      for (const row of rows) seen.push(row.n);
      cursor = rows.at(-1)?.place ?? cursor;
      return [...seen];
    };
  };
  await database.pool.query('CREATE TABLE toll.naive (id bigserial PRIMARY KEY, n integer)');
  const naive = await interleave(
    (client, n) => client.query('INSERT INTO toll.naive (n) VALUES ($1)', [n]),
    cursorReader('SELECT id AS place, n FROM toll.naive WHERE id > $1 ORDER BY id'),
  );
  expect(naive).toEqual({ between: [2], after: [2] });

  await append('s', 0);
  const ours = await interleave(
    (client, n) => outbox.append(client, { stream: 's', kind: 'note', payload: n }),
    cursorReader(
      "SELECT sequence AS place, payload::int AS n FROM toll.outbox_message WHERE stream = 's' AND sequence > $1 ORDER BY sequence",
    ),
  );
  expect(ours).toEqual({ between: [0], after: [0, 1, 2] });
});

test('many writers and two relays: every message once, in order within its stream', async () => {
  const delivered = new Map<string, bigint[]>();
  const take = async (message: OutboxMessage) => {
    delivered.set(message.stream, [...(delivered.get(message.stream) ?? []), message.sequence]);
  };
  await relay(take);
  await relay(take);
  const streams = ['a', 'b', 'c', 'd', 'e'];
  await Promise.all(
    Array.from({ length: 6 }, async (_, writer) => {
      for (let n = 0; n < 20; n += 1) await append(streams[(writer + n) % 5] ?? 'a', { writer, n });
    }),
  );
  await eventually(() => [...delivered.values()].flat().length >= 120);
  for (const stream of streams)
    expect(delivered.get(stream)).toEqual(Array.from({ length: 24 }, (_, n) => BigInt(n + 1)));
});

test('a message is delivered within a moment of its commit, and an idle relay asks seldom', async () => {
  const seen: number[] = [];
  await relay(async () => {
    seen.push(performance.now());
  });
  await append('s', 1);
  await eventually(() => seen.length === 1);
  const committed = performance.now();
  await append('s', 2);
  await eventually(() => seen.length === 2, { intervalMs: 1 });
  expect((seen[1] ?? 0) - committed).toBeLessThan(200);

  const asked = jest.spyOn(database.pool, 'query');
  await eventually(() => performance.now() - committed > 1_500, { intervalMs: 100 });
  // What comes beyond keeping the books of the message and looking once more is a busy poll.
  expect(asked.mock.calls.slice(6)).toEqual([]);
  asked.mockRestore();
});

test('a poison message backs off with a cap and jitter, holds back its own stream only, and reset ends the wait', async () => {
  const attempts: { at: number; attempts: number }[] = [];
  const delivered: unknown[] = [];
  let poisoned = true;
  const one = await relay(
    async ({ payload }) => {
      if (payload === 'poison' && poisoned) throw new Error('not now');
      delivered.push(payload);
    },
    { onFailure: (failure) => attempts.push({ at: performance.now(), attempts: failure.attempts }), random: () => 1 },
  );
  await append('bad', 'poison');
  await append('bad', 'behind');
  await append('good', 'free');
  await eventually(() => delivered.includes('free'));
  await eventually(() => attempts.length >= 6);
  expect(delivered).toEqual(['free']);
  expect(attempts.slice(0, 6).map((failure) => failure.attempts)).toEqual([1, 2, 3, 4, 5, 6]);
  const waits = attempts.slice(1, 6).map(({ at }, n) => at - (attempts[n]?.at ?? 0));
  // 20, 40, 80, then the cap of 100.
  expect(waits[0]).toBeGreaterThanOrEqual(18);
  expect(waits[2]).toBeGreaterThanOrEqual(75);
  expect(waits[4]).toBeGreaterThanOrEqual(95);
  expect(waits[4]).toBeLessThan(400);

  await database.pool.query(
    "UPDATE toll.outbox_cursor SET next_attempt_at = now() + interval '1 hour' WHERE stream = 'bad'",
  );
  poisoned = false;
  await one.reset('bad');
  await eventually(() => delivered.length === 3);
  expect(delivered).toEqual(['free', 'poison', 'behind']);
  const { rows } = await database.pool.query("SELECT attempts FROM toll.outbox_cursor WHERE stream = 'bad'");
  expect(rows).toEqual([{ attempts: 0 }]);
});

test('a crash between delivering and marking delivers again, in order, by whoever takes over', async () => {
  await append('s', 1);
  await append('s', 2);
  const first: unknown[] = [];
  let die: (reason: Error) => void = () => undefined;
  const died = new Promise<void>((_, reject) => {
    die = reject;
  });
  const ownPool = new pg.Pool({ connectionString: scratch.adminUrl, max: 2 });
  const dead = new OutboxRelay({
    pool: ownPool,
    app: 'toll',
    claimMs: 300,
    deliver: async ({ payload }) => {
      first.push(payload);
      // The process dies here, connections and all: it never comes to mark what it delivered.
      await died;
    },
  });
  await dead.start();
  await eventually(() => first.length === 1);
  await ownPool.end();
  const second: OutboxMessage[] = [];
  await relay(async (message) => {
    second.push(message);
  });
  await eventually(() => second.length === 2);
  expect(first).toEqual([1]);
  expect(second.map(({ payload }) => payload)).toEqual([1, 2]);
  die(new Error('gone'));
  await dead.close();
});

test('a relay that lost its claim cannot mark the stream', async () => {
  await append('s', 1);
  let go: () => void = () => undefined;
  const waiting = new Promise<void>((resolve) => {
    go = resolve;
  });
  const slow = new OutboxRelay({ pool: database.pool, app: 'toll', deliver: () => waiting });
  await slow.start();
  // Its claim lapsed unnoticed (the process was stopped for a while, say), and another relay took over.
  await eventually(async () => {
    const { rowCount } = await database.pool.query(
      'UPDATE toll.outbox_cursor SET claim = gen_random_uuid(), claimed_until = now() WHERE claim IS NOT NULL',
    );
    return rowCount === 1;
  });
  const taken: unknown[] = [];
  await relay(async ({ payload }) => {
    taken.push(payload);
  });
  await eventually(() => taken.length === 1);
  await append('s', 2);
  await eventually(() => taken.length === 2);
  go();
  await slow.close();
  const { rows } = await database.pool.query('SELECT delivered_sequence FROM toll.outbox_cursor');
  expect(rows).toEqual([{ delivered_sequence: '2' }]);
});

test('only who holds the claim may say how far a stream is delivered', async () => {
  await append('s', 1);
  await append('s', 2);
  const store = new OutboxStore(database.pool, 'toll', 60_000);
  const [claimed] = await store.claim(randomUUID(), 10, []);
  if (!claimed) throw new Error('nothing was due');
  const late = { ...claimed, claim: randomUUID() };
  expect(await store.progress(late, 2n)).toBe(false);
  await store.release(late, 2n);
  await store.fail(late, 2n, 1, 60_000);
  expect(await store.claim(randomUUID(), 10, [])).toEqual([]);
  expect((await store.next('s', 0n, 10)).map(({ sequence }) => sequence)).toEqual([1n, 2n]);
  expect(await store.progress(claimed, 1n)).toBe(true);
  await store.release(claimed, 1n);
  const [again] = await store.claim(randomUUID(), 10, []);
  expect(again).toMatchObject({ stream: 's', deliveredSequence: 1n });
});

test('a delivery that takes longer than the claim keeps it, and is not begun twice', async () => {
  await append('s', 1);
  let begun = 0;
  let go: () => void = () => undefined;
  const waiting = new Promise<void>((resolve) => {
    go = resolve;
  });
  const slow = async () => {
    begun += 1;
    await waiting;
  };
  await relay(slow, { claimMs: 90 });
  await relay(slow, { claimMs: 90 });
  const since = performance.now();
  await eventually(() => begun === 1 && performance.now() - since > 500);
  go();
  await eventually(async () => {
    const { rows } = await database.pool.query<{ delivered_sequence: string }>(
      'SELECT delivered_sequence FROM toll.outbox_cursor',
    );
    return rows[0]?.delivered_sequence === '1';
  });
  expect(begun).toBe(1);
});

test('the same dedup key is one message, also when two transactions race', async () => {
  const places = await Promise.all([1, 2, 3, 4].map((n) => append('s', n, 'same')));
  expect(new Set(places.map(({ messageId }) => messageId)).size).toBe(1);
  const seen: unknown[] = [];
  await relay(async ({ payload }) => {
    seen.push(payload);
  });
  await eventually(() => seen.length === 1);
  // Delivered long ago or not: the key is known for a day.
  expect((await append('s', 5, 'same')).sequence).toBe(1n);
  expect((await append('s', 6, 'other')).sequence).toBe(2n);
  await eventually(() => seen.length === 2);
});

test('a relay whose connections were cut carries on', async () => {
  const seen: unknown[] = [];
  await relay(
    async ({ payload }) => {
      seen.push(payload);
    },
    { idlePollMs: 500 },
  );
  await append('s', 1);
  await eventually(() => seen.length === 1);
  const admin = new pg.Client({ connectionString: scratch.adminUrl });
  await admin.connect();
  await admin.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'outbox-test'");
  await admin.end();
  await eventually(() => append('s', 2));
  await eventually(() => seen.includes(2));
});

test('close finishes what is under way and leaves the rest', async () => {
  for (let n = 0; n < 5; n += 1) await append('s', n);
  const seen: unknown[] = [];
  let closed: Promise<void> | undefined;
  const one = await relay(async ({ payload }) => {
    seen.push(payload);
    if (seen.length === 2) closed = one.close();
  });
  await eventually(() => closed !== undefined);
  await closed;
  expect(seen).toEqual([0, 1]);
  const { rows } = await database.pool.query('SELECT delivered_sequence, claim FROM toll.outbox_cursor');
  expect(rows).toEqual([{ delivered_sequence: '2', claim: null }]);
});
