import { type Database, openDatabase } from '#persistence';
import { type TestDatabase, testDatabase } from '#testing';
import { SqlPlacementRepository } from './placement.repository.js';

const wish = { model: 'org/m', version: '1.0.0' };
const node = (n: number) => String(n).padStart(43, 'n');

describe('SqlPlacementRepository', () => {
  let test: TestDatabase;
  let database: Database;
  let placements: SqlPlacementRepository;

  beforeAll(async () => {
    test = await testDatabase();
    database = await openDatabase({ url: test.urlFor('compute'), applicationName: 'placements', poolSize: 8 });
    placements = new SqlPlacementRepository(database);
  }, 60_000);
  afterAll(async () => {
    await database.close();
    await test.close();
  });
  afterEach(() => database.pool.query('DELETE FROM compute.wish'));

  const history = async (placementId: string) =>
    (
      await database.prisma.computePlacementSnapshot.findMany({
        where: { placementId },
        orderBy: { snapshotId: 'asc' },
      })
    ).map(
      (one) => `${one.epoch} ${one.previousState ?? '-'}>${one.state} ${one.reason}${one.accepted ? '' : ' REFUSED'}`,
    );

  it('makes one row for a runner and version, however many ask at once', async () => {
    const made = await Promise.all(Array.from({ length: 20 }, () => placements.ensure(node(1), wish)));
    expect(new Set(made.map(({ row }) => row.placementId)).size).toBe(1);
    expect(made.filter(({ created }) => created)).toHaveLength(1);
    expect(made[0]?.row).toMatchObject({ state: 'wanted', wanted: 'loaded', epoch: 1, failures: 0, retryDue: false });
    expect(await history(made[0]?.row.placementId ?? '')).toEqual(['1 ->wanted wished']);
  });

  it('says which versions a node is to serve: not those of others, nor those that were taken back', async () => {
    const other = { model: 'org/other', version: '1.0.0' };
    const { row } = await placements.ensure(node(7), wish);
    expect(await placements.isPlaced(node(7), [other, wish])).toBe(true);
    expect(await placements.isPlaced(node(7), [other, { ...wish, version: '2.0.0' }])).toBe(false);
    expect(await placements.isPlaced(node(8), [wish])).toBe(false);
    await placements.move({
      ...{ placementId: row.placementId, epoch: 1, to: 'unloading', wanted: 'unloaded', reason: 'displaced' },
    });
    expect(await placements.isPlaced(node(7), [wish])).toBe(false);
  });

  it('moves by compare-and-set, and keeps every move with the state before it, refused ones as refused', async () => {
    const { row } = await placements.ensure(node(2), wish);
    const ref = { placementId: row.placementId, epoch: 1 };
    expect((await placements.move({ ...ref, to: 'ready', reason: 'too early' }))?.state).toBeUndefined();
    expect((await placements.move({ ...ref, to: 'loading', reason: 'begun' }))?.state).toBe('loading');
    const asserted = await placements.move({ ...ref, to: 'wanted', wanted: 'loaded', reason: 'model_lost' });
    expect(asserted).toMatchObject({ state: 'wanted', epoch: 2 });
    // The holder of the old epoch comes with its answer too late.
    expect(await placements.move({ ...ref, to: 'ready', reason: 'loaded' })).toBeUndefined();
    // Also where the state alone would let it pass: the epoch is what fences.
    await placements.move({ ...ref, epoch: 2, to: 'loading', reason: 'begun anew' });
    expect(await placements.move({ ...ref, to: 'ready', reason: 'loaded' })).toBeUndefined();
    expect(await history(row.placementId)).toEqual([
      '1 ->wanted wished',
      '1 wanted>ready too early REFUSED',
      '1 wanted>loading begun',
      '2 loading>wanted model_lost',
      '1 wanted>ready loaded REFUSED',
      '2 wanted>loading begun anew',
      '1 loading>ready loaded REFUSED',
    ]);
  });

  it('lets exactly one of many movers win', async () => {
    const { row } = await placements.ensure(node(3), wish);
    const ref = { placementId: row.placementId, epoch: 1 };
    const moves = await Promise.all(
      Array.from({ length: 16 }, (_, i) => placements.move({ ...ref, to: 'loading', reason: `mover ${i}` })),
    );
    expect(moves.filter(Boolean)).toHaveLength(1);
    const told = await history(row.placementId);
    expect(told).toHaveLength(17);
    expect(told.filter((line) => line.includes('REFUSED') && line.includes('loading>loading'))).toHaveLength(15);
  });

  it('tells a failure, counts failures in a row and knows when to try again', async () => {
    const { row } = await placements.ensure(node(4), wish);
    const { placementId } = row;
    const failure = { code: 'memory_exhausted' as const, message: 'no room', details: { freeBytes: 1 } };
    await placements.move({ placementId, epoch: 1, to: 'loading', reason: 'begun' });
    const failed = await placements.move({ placementId, epoch: 1, to: 'failed', reason: 'x', failure, retryInMs: -1 });
    expect(failed).toMatchObject({ state: 'failed', failure, failures: 1, retryDue: true });
    await placements.move({ placementId, epoch: 1, to: 'wanted', wanted: 'loaded', reason: 'retry' });
    const again = await placements.move({ placementId, epoch: 2, to: 'failed', reason: 'x', failure });
    expect(again).toMatchObject({ failures: 2, retryDue: false });
    await placements.move({ placementId, epoch: 2, to: 'wanted', wanted: 'loaded', reason: 'retry' });
    await placements.move({ placementId, epoch: 3, to: 'loading', reason: 'begun' });
    const ready = await placements.move({ placementId, epoch: 3, to: 'ready', reason: 'loaded' });
    expect(ready?.failure).toBeUndefined();
    expect(ready?.failures).toBe(0);
  });

  it('answers nothing for a placement that there is not', async () => {
    const placementId = '01890000-0000-7000-8000-00000000dead';
    expect(await placements.find(placementId)).toBeUndefined();
    expect(await placements.move({ placementId, epoch: 1, to: 'ready', reason: '' })).toBeUndefined();
  });

  it('pages in the order in which they were made', async () => {
    const model = 'org/paged';
    const made: string[] = [];
    for (let i = 0; i < 5; i++) made.push((await placements.ensure(node(10 + i), { ...wish, model })).row.placementId);
    const first = await placements.page({ model, limit: 3 });
    const rest = await placements.page({ model, limit: 3, after: first.at(-1)?.placementId ?? '' });
    expect([...first, ...rest].map((row) => row.placementId)).toEqual(made);
  });

  it('keeps a wish once, and takes it back', async () => {
    await placements.addWish(wish);
    await placements.addWish(wish);
    await placements.addWish({ ...wish, version: '2.0.0' });
    expect(await placements.wishes()).toHaveLength(2);
    await placements.removeWishes(wish.model, '1.0.0');
    expect(await placements.wishes()).toEqual([{ ...wish, version: '2.0.0' }]);
    await placements.removeWishes(wish.model);
    expect(await placements.wishes()).toEqual([]);
  });

  it('refuses to rewrite history, and states that do not exist', async () => {
    await placements.ensure(node(5), wish);
    const refuses = (sql: string) => expect(database.pool.query(sql)).rejects.toThrow();
    await refuses("UPDATE compute.placement_snapshot SET reason = 'nicer'");
    await refuses('DELETE FROM compute.placement_snapshot');
    await refuses("UPDATE compute.placement SET state = 'happy'");
    await refuses("UPDATE compute.placement SET state = 'failed', failure = NULL");
    await refuses('UPDATE compute.placement SET epoch = 0');
  });

  it('tells a lost database as such', async () => {
    const away = await openDatabase({
      url: 'postgres://nobody:x@127.0.0.1:1/none',
      applicationName: 'away',
      connectTimeoutMs: 500,
    });
    await expect(new SqlPlacementRepository(away).all()).rejects.toMatchObject({ code: 'database_unavailable' });
    await away.close();
  });
});
