import type { NodeHealth } from '#contracts';
import type { Sigil } from '#sigil';
import { load, World } from './index-world.fixture.js';

describe('the index engine', () => {
  let world: World;
  let node: Sigil;
  let id: string;

  beforeEach(async () => {
    world = await World.begin();
    node = world.node;
    id = node.thumbprint;
  });

  it('keeps alive who is heard, suspects who is silent, and declares dead only after that', async () => {
    const engine = world.engine();
    await world.joined(engine);
    await world.pass(20, [engine], [engine]);
    expect(world.healthOf(id)).toBe('alive');
    const seen: (NodeHealth | undefined)[] = [];
    for (let second = 1; second <= 12; second++) {
      await world.pass(1, [engine]);
      seen.push(world.healthOf(id));
    }
    expect(seen).toEqual([...Array(2).fill('alive'), ...Array(7).fill('suspect'), ...Array(3).fill('dead')]);
  });

  it('forgets who left for ever, with all that it had heard of them, and lets them come back as new', async () => {
    const [engine, other] = [world.engine(), world.engine()];
    await world.joined(engine);
    await world.pass(1, [engine], [engine, other]);
    const known = await engine.changes(undefined);
    await engine.leave(id, 'asleep');
    world.now += 3_600_000;
    await engine.forgetGone();
    expect(world.healthOf(id)).toBe('asleep');
    world.now += 1;
    await engine.forgetGone();
    await other.forgetGone();
    expect(world.healthOf(id)).toBeUndefined();
    expect([engine.remembered, other.remembered]).toEqual([0, 0]);
    expect(world.announced.at(-1)).toEqual(await world.store.revision());
    expect(await engine.changes(known.revision)).toMatchObject({ snapshot: true, nodes: [] });
    await world.joined(engine);
    expect(world.healthOf(id)).toBe('alive');
    await engine.forgetGone();
    expect(world.healthOf(id)).toBe('alive');
  });

  it('takes a suspect back by one heartbeat, a dead node only by a join', async () => {
    const engine = world.engine();
    await world.joined(engine);
    await world.pass(5, [engine]);
    expect(world.healthOf(id)).toBe('suspect');
    await engine.heard(id, load, []);
    expect(world.healthOf(id)).toBe('alive');
    await world.pass(12, [engine]);
    expect(world.healthOf(id)).toBe('dead');
    await engine.heard(id, load, []);
    await world.pass(1, [engine], [engine]);
    expect(world.healthOf(id)).toBe('dead');
    await world.joined(engine);
    expect(world.healthOf(id)).toBe('alive');
  });

  it('does not believe that a node is healthy because the table says so', async () => {
    await world.joined(world.engine());
    world.board.clear();
    world.now += 4_000;
    const restarted = world.engine();
    // Its own watch begins with what is stored, and waits for nothing.
    const own = await restarted.stored(undefined);
    expect(own.nodes[0]?.health).toBe('alive');
    const { nodes, revision } = await restarted.changes(undefined);
    expect(nodes[0]?.health).toBe('suspect');
    expect((await restarted.stored(own.revision)).nodes[0]?.health).toBe('suspect');
    // Whoever was told of a doubt is told when it is over: both are in the stream.
    await restarted.heard(id, load, []);
    expect((await restarted.changes(revision)).nodes.map((entry) => entry.health)).toEqual(['alive']);
    world.now += 4_000;
    expect((await restarted.changes(undefined)).nodes.map((entry) => entry.health)).toEqual(['suspect']);
    await world.pass(1, [restarted]);
    expect(world.healthOf(id)).toBe('suspect');
  });

  it('buries nobody for its own deafness: what it has not listened for it does not count', async () => {
    const engine = world.engine();
    await world.joined(engine);
    await world.pass(3, [engine], [engine]);
    // The process was stopped for a minute: one tick, no heartbeats meanwhile.
    world.now += 60_000;
    await engine.tick();
    expect(world.healthOf(id)).toBe('suspect');
    await world.pass(5, [engine]);
    expect(world.healthOf(id)).toBe('suspect');
    await engine.heard(id, load, []);
    expect(world.healthOf(id)).toBe('alive');
    world.now += 1_000;
    engine.wasDeaf();
    await world.pass(9, [engine]);
    expect(world.healthOf(id)).toBe('suspect');
    await world.pass(2, [engine]);
    expect(world.healthOf(id)).toBe('dead');
  });

  it('believes another instance that heard the node, and writes each transition once between them', async () => {
    const [one, two] = [world.engine(), world.engine()];
    await world.joined(one);
    await world.pass(10, [one, two], [two]);
    expect(world.healthOf(id)).toBe('alive');
    const before = world.store.n;
    await world.pass(20, [one, two]);
    expect(world.healthOf(id)).toBe('dead');
    expect(world.store.n).toBe(before + 2);
  });

  it('does not doubt at one instance what has just joined at, or was just heard by, another', async () => {
    const [one, two] = [world.engine(), world.engine()];
    await world.joined(one);
    expect((await two.changes(undefined)).nodes[0]?.health).toBe('alive');
    world.now += 2_900;
    await one.heard(id, load, []);
    await one.tick();
    world.now += 1_000;
    expect((await two.changes(undefined)).nodes[0]?.health).toBe('alive');
    expect(world.store.n).toBe(1);
  });

  it('leaves a planned sleep alone, and shows it as such', async () => {
    const engine = world.engine();
    await world.joined(engine);
    await engine.leave(id, 'asleep');
    await world.pass(20, [engine]);
    expect(world.healthOf(id)).toBe('asleep');
    expect((await engine.changes(undefined)).nodes.map((entry) => entry.health)).toEqual(['asleep']);
    await engine.leave('nobody', 'left');
    expect(world.store.rows.size).toBe(1);
  });

  it('answers changes after a revision, and all where the revision cannot be followed', async () => {
    const engine = world.engine();
    await world.joined(engine);
    const first = await engine.changes(undefined);
    expect([first.snapshot, first.nodes.length]).toEqual([true, 1]);
    expect((await engine.changes(first.revision)).nodes).toEqual([]);
    await engine.leave(id, 'left');
    expect((await engine.changes(first.revision)).nodes.map((entry) => entry.health)).toEqual(['left']);
    world.store.epoch = 'two';
    expect((await engine.changes(first.revision)).snapshot).toBe(true);
  });
});
