import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { GroupCommitWriter, isConnectionError } from '#persistence';
import { alternate, type BenchOptions, type Figure, figureOf } from '../harness.js';
import { ownDatabase } from '../own-database.js';

const inFlight = 32;
const warmUpMs = 500;

interface Usage {
  readonly id: string;
  readonly amountMicro: number;
}

// What a hot path writes: a row under a unique key, whose repetition answers the first outcome.
const tableSql = `CREATE TABLE usage (
  id uuid PRIMARY KEY,
  amount_micro bigint NOT NULL CHECK (amount_micro >= 0),
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp()
)`;
const oneSql = `INSERT INTO usage (id, amount_micro) VALUES ($1, $2)
  ON CONFLICT (id) DO UPDATE SET id = excluded.id RETURNING amount_micro`;
// A key that stands twice in one batch is sent once: the writer's caller sees to that, and the statement stays plain.
const manySql = `INSERT INTO usage (id, amount_micro) SELECT * FROM unnest($1::uuid[], $2::bigint[])
  ON CONFLICT (id) DO UPDATE SET id = excluded.id RETURNING id, amount_micro`;

interface WrittenRow {
  readonly id: string;
  readonly amount_micro: string;
}

type Write = (usage: Usage) => Promise<string>;

/** Keeps `inFlight` writes under way for `ms`; answers how many were acknowledged. Any error ends it, unless it is awaited. */
async function load(write: Write, ms: number, onError?: (error: unknown) => void): Promise<number> {
  const until = performance.now() + ms;
  let answered = 0;
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      while (performance.now() < until) {
        try {
          await write({ id: randomUUID(), amountMicro: 7 });
          answered += 1;
        } catch (error) {
          if (!onError) throw error;
          onError(error);
          // The loop of timers must get its turn, or the load would outlive its end.
          await new Promise((resolve) => setImmediate(resolve));
        }
      }
    }),
  );
  return answered;
}

async function rate(write: Write, ms: number, counted: (answered: number) => void): Promise<number> {
  counted(await load(write, warmUpMs));
  const startedAt = performance.now();
  const answered = await load(write, ms);
  counted(answered);
  return answered / ((performance.now() - startedAt) / 1_000);
}

async function countRows(admin: pg.Client): Promise<number> {
  const { rows } = await admin.query<{ n: string }>('SELECT count(*) AS n FROM usage');
  return Number(rows[0]?.n);
}

/** Connections are killed in mid-load: everything that was acknowledged must be there. */
async function reconcileAfterKills(admin: pg.Client, write: Write): Promise<string> {
  const acknowledged: string[] = [];
  let unknown = 0;
  const killing = setInterval(() => {
    void admin.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'bench-commit-%'",
    );
  }, 150);
  const noting: Write = async (usage) => {
    const outcome = await write(usage);
    acknowledged.push(usage.id);
    return outcome;
  };
  await load(noting, 1_500, (error) => {
    if (!isConnectionError(error)) throw error;
    unknown += 1;
  }).finally(() => clearInterval(killing));
  const { rows } = await admin.query<{ missing: string }>(
    'SELECT count(*) AS missing FROM unnest($1::uuid[]) AS a(id) WHERE NOT EXISTS (SELECT 1 FROM usage u WHERE u.id = a.id)',
    [acknowledged],
  );
  if (Number(rows[0]?.missing) !== 0) throw new Error(`${rows[0]?.missing} acknowledged writes were lost`);
  return `${acknowledged.length} acknowledged under killed connections, none lost, ${unknown} answered as unknown`;
}

/** The group-commit writer against one statement a write, each of them durable when it is answered. */
export async function run(options: BenchOptions): Promise<Figure[]> {
  const database = await ownDatabase(options.postgresUrl, 'commit');
  try {
    return await measured(options, database.url);
  } finally {
    await database.stop();
  }
}

async function measured(options: BenchOptions, connectionString: string): Promise<Figure[]> {
  const admin = new pg.Client({ connectionString });
  await admin.connect();
  await admin.query(tableSql);
  // The peer gets a connection for each write in flight: with fewer it would wait for its own pool.
  const peerPool = new pg.Pool({ connectionString, max: inFlight, application_name: 'bench-commit-peer' });
  const ourPool = new pg.Pool({ connectionString, max: 1, application_name: 'bench-commit-ours' });
  for (const pool of [peerPool, ourPool]) pool.on('error', () => undefined);
  let batches = 0;
  let written = 0;
  const writer = new GroupCommitWriter<Usage, string>({
    pool: ourPool,
    name: 'bench',
    mode: 'statement',
    async execute(client, writes) {
      batches += 1;
      written += writes.length;
      const first = new Map<string, number>();
      for (const { id, amountMicro } of writes) if (!first.has(id)) first.set(id, amountMicro);
      const values = [[...first.keys()], [...first.values()]];
      const { rows } = await client.query<WrittenRow>({ name: 'usage-many', text: manySql, values });
      const outcomes = new Map(rows.map((row) => [row.id, row.amount_micro]));
      return writes.map(({ id }) => outcomes.get(id) ?? new Error('not written'));
    },
  });
  const ours: Write = (usage) => writer.write(usage);
  const peer: Write = async ({ id, amountMicro }) => {
    const { rows } = await peerPool.query<{ amount_micro: string }>({
      name: 'usage-one',
      text: oneSql,
      values: [id, amountMicro],
    });
    return rows[0]?.amount_micro ?? '';
  };
  try {
    let answered = 0;
    const counted = (more: number) => {
      answered += more;
    };
    const result = await alternate(
      options,
      'commit.writes_per_s',
      () => rate(ours, options.roundMs, counted),
      () => rate(peer, options.roundMs, counted),
    );
    const rows = await countRows(admin);
    if (rows !== answered) throw new Error(`${answered} writes were answered, ${rows} rows are there`);
    const kills = await reconcileAfterKills(admin, ours);
    return [
      figureOf(options, {
        figure: 'commit.writes_per_s',
        ours: result.ours,
        peer: result.peer,
        peerName: 'one statement a write (pg, a prepared INSERT on a connection of its own for each in flight)',
        better: 'higher',
        unit: 'writes/s',
        durable: true,
        notes:
          `${inFlight} in flight; ours on 1 connection, ${(written / batches).toFixed(1)} writes a commit; rows = answers; ` +
          `${kills}. Limited by one commit's latency and, on the peer's side, by Postgres's and Node's work a statement; ` +
          'the next factor: larger batches from more callers, or a second writer a shard.',
      }),
    ];
  } finally {
    await writer.close();
    await Promise.all([peerPool.end(), ourPool.end(), admin.end()]);
  }
}
