import pg from 'pg';
import { WatershedError } from '#errors';
import { emptyDatabase, eventually } from '#testing';
import { type CommitClient, GroupCommitWriter } from './group-commit-writer.js';

interface Entry {
  readonly key: string;
  readonly amount: number;
}

let database: Awaited<ReturnType<typeof emptyDatabase>>;
let pool: pg.Pool;
let admin: pg.Client;

// The duplicate's outcome is the first one's, whether the first came in an earlier batch or stands in the same.
const insertSql = `
  WITH given AS (SELECT key, amount, n FROM unnest($1::text[], $2::int[]) WITH ORDINALITY AS g(key, amount, n)),
  added AS (
    INSERT INTO entry (key, amount) SELECT DISTINCT ON (key) key, amount FROM given ORDER BY key, n
    ON CONFLICT (key) DO UPDATE SET key = excluded.key RETURNING key, amount
  )
  SELECT added.amount FROM given JOIN added USING (key) ORDER BY given.n`;

async function insertEntries(client: CommitClient, writes: readonly Entry[]): Promise<number[]> {
  const values = [writes.map((write) => write.key), writes.map((write) => write.amount)];
  const { rows } = await client.query<{ amount: number }>(insertSql, values);
  return rows.map((row) => row.amount);
}

const entries = async () =>
  (await admin.query<{ key: string }>('SELECT key FROM entry ORDER BY id')).rows.map((row) => row.key);

beforeAll(async () => {
  database = await emptyDatabase();
  admin = new pg.Client({ connectionString: database.adminUrl });
  await admin.connect();
});
beforeEach(async () => {
  await admin.query(`DROP TABLE IF EXISTS entry;
    CREATE TABLE entry (id bigserial, key text PRIMARY KEY, amount integer NOT NULL CHECK (amount >= 0))`);
  pool = new pg.Pool({ connectionString: database.adminUrl, max: 2, application_name: 'writer-under-test' });
  pool.on('error', () => undefined);
});
afterEach(() => pool.end());
afterAll(async () => {
  await admin.end();
  await database.close();
});

/** Ends the writer's connection from outside, as a crash of the server's process for it would. */
const killWriter = () =>
  admin.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'writer-under-test'");

describe.each(['transaction', 'statement'] as const)('in %s mode', (mode) => {
  const writerOf = (execute = insertEntries, maxBatch?: number) =>
    new GroupCommitWriter<Entry, number>({ pool, name: 'entries', mode, execute, ...(maxBatch ? { maxBatch } : {}) });

  test('writes that come while a commit is in flight share the next one', async () => {
    const sizes: number[] = [];
    const writer = writerOf((client, writes) => {
      sizes.push(writes.length);
      return insertEntries(client, writes);
    });
    const outcomes = await Promise.all(
      Array.from({ length: 500 }, (_, n) => writer.write({ key: `k${n}`, amount: n })),
    );
    expect(outcomes).toEqual(Array.from({ length: 500 }, (_, n) => n));
    expect(sizes).toEqual([256, 244]);
  });

  test('is answered only after the commit', async () => {
    const writer = writerOf();
    await writer.write({ key: 'a', amount: 1 });
    expect(await entries()).toEqual(['a']);
  });

  test('one bad write fails alone, and order is kept', async () => {
    const writer = writerOf(insertEntries, 64);
    const outcomes = await Promise.allSettled(
      Array.from({ length: 50 }, (_, n) => writer.write({ key: `k${n + 100}`, amount: n === 17 ? -1 : n })),
    );
    expect(outcomes.map(({ status }) => status).indexOf('rejected')).toBe(17);
    expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(1);
    expect(outcomes[17]).toMatchObject({ reason: { code: '23514' } });
    expect(await entries()).toEqual(
      Array.from({ length: 50 }, (_, n) => `k${n + 100}`).filter((key) => key !== 'k117'),
    );
  });

  test('a duplicate gets the outcome of the first, in the same batch and in a later one', async () => {
    const writer = writerOf();
    const same = await Promise.all([1, 2, 3].map((amount) => writer.write({ key: 'once', amount })));
    expect(same).toEqual([1, 1, 1]);
    await expect(writer.write({ key: 'once', amount: 9 })).resolves.toBe(1);
    expect(await entries()).toEqual(['once']);
  });

  test('an outcome that is an error reaches its caller alone', async () => {
    const writer = writerOf(async (client, writes) => {
      const found = await insertEntries(client, writes);
      return found.map((amount) => (amount === 2 ? new WatershedError('purse_empty', 'no') : amount)) as number[];
    });
    const outcomes = await Promise.allSettled([1, 2, 3].map((amount) => writer.write({ key: `k${amount}`, amount })));
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });

  test('a batch whose outcomes do not fit its writes is executed once, never in halves', async () => {
    let executions = 0;
    const writer = writerOf(async (client, writes) => {
      executions += 1;
      return (await insertEntries(client, writes)).slice(1);
    });
    const outcomes = await Promise.allSettled(['a', 'b', 'c', 'd'].map((key) => writer.write({ key, amount: 1 })));
    for (const outcome of outcomes) expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'internal' } });
    expect(executions).toBe(1);
    // A transaction can still be taken back; a statement that ran alone has committed.
    expect(await entries()).toHaveLength(mode === 'transaction' ? 0 : 4);
  });

  test('killed under way: every caller hears, and asking again under the same key settles it', async () => {
    const writer = writerOf(async (client, writes) => {
      if (writes.some(({ key }) => key === 'slow')) await client.query('SELECT pg_sleep(30)');
      return insertEntries(client, writes);
    });
    const keys = Array.from({ length: 20 }, (_, n) => (n === 3 ? 'slow' : `k${n}`));
    const first = Promise.allSettled(keys.map((key, n) => writer.write({ key, amount: n })));
    await eventually(async () => {
      const { rowCount } = await admin.query(
        "SELECT 1 FROM pg_stat_activity WHERE application_name = 'writer-under-test' AND wait_event = 'PgSleep'",
      );
      return rowCount === 1;
    });
    const late = writer.write({ key: 'late', amount: 1 });
    await killWriter();
    const outcomes = await first;
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'database_unavailable' } });
    }
    // The next batch has a connection of its own.
    await expect(late).resolves.toBe(1);
    const again = keys.filter((key) => key !== 'slow').map((key, n) => writer.write({ key, amount: n }));
    await expect(Promise.all(again)).resolves.toHaveLength(19);
    expect(new Set(await entries()).size).toBe(20);
  });

  test('kills at random moments: what was answered is there, and nobody waits for ever', async () => {
    const writer = writerOf(insertEntries, 16);
    const answered = new Set<string>();
    let unknown = 0;
    const stop = new AbortController();
    const callers = Array.from({ length: 32 }, async (_, caller) => {
      for (let n = 0; !stop.signal.aborted; n += 1) {
        const key = `${caller}-${n}`;
        try {
          await writer.write({ key, amount: n });
          answered.add(key);
        } catch (error) {
          expect(error).toMatchObject({ code: 'database_unavailable' });
          unknown += 1;
        }
      }
    });
    try {
      for (let kills = 0; kills < 8 || unknown === 0; kills += 1) {
        const before = answered.size;
        await eventually(() => answered.size > before + 50);
        await killWriter();
      }
    } finally {
      stop.abort();
    }
    await Promise.all(callers);
    const kept = new Set(await entries());
    expect([...answered].filter((key) => !kept.has(key))).toEqual([]);
    expect(kept.size).toBeLessThanOrEqual(answered.size + unknown);
  });

  test('close takes nothing new and answers what it had taken', async () => {
    const writer = writerOf(insertEntries, 8);
    const taken = Promise.all(Array.from({ length: 40 }, (_, n) => writer.write({ key: `k${n}`, amount: n })));
    const closed = writer.close();
    await expect(writer.write({ key: 'late', amount: 1 })).rejects.toMatchObject({ code: 'shutting_down' });
    await closed;
    expect(await entries()).toHaveLength(40);
    await expect(taken).resolves.toHaveLength(40);
  });
});

test('more than may wait is refused at once', async () => {
  const writer = new GroupCommitWriter<Entry, number>({
    pool,
    name: 'entries',
    maxPending: 3,
    execute: insertEntries,
  });
  const taken = [1, 2, 3].map((n) => writer.write({ key: `k${n}`, amount: n }));
  await expect(writer.write({ key: 'k4', amount: 4 })).rejects.toMatchObject({ code: 'overloaded', retryAfterMs: 500 });
  await Promise.all(taken);
});

test('a failure that execute swallowed is not answered as a commit', async () => {
  const writer = new GroupCommitWriter<Entry, number>({
    pool,
    name: 'entries',
    async execute(client, writes) {
      await client.query('SELECT 1 / 0').catch(() => undefined);
      return writes.map(({ amount }) => amount);
    },
  });
  await expect(writer.write({ key: 'a', amount: 1 })).rejects.toThrow('rolled back');
});

test('an execute that answers too few is a fault, and nothing of it is kept', async () => {
  const writer = new GroupCommitWriter<Entry, number>({
    pool,
    name: 'entries',
    execute: async (client, writes) => (await insertEntries(client, writes)).slice(1),
  });
  const outcomes = await Promise.allSettled([1, 2].map((n) => writer.write({ key: `k${n}`, amount: n })));
  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(await entries()).toEqual([]);
});

test('statement mode refuses a second statement', async () => {
  const writer = new GroupCommitWriter<Entry, number>({
    pool,
    name: 'entries',
    mode: 'statement',
    async execute(client, writes) {
      await insertEntries(client, writes);
      return insertEntries(client, writes);
    },
  });
  await expect(writer.write({ key: 'a', amount: 1 })).rejects.toThrow('one statement');
});
