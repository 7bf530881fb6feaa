import { hashOf } from '#ballots';
import type { LogEntry, NodeHealth, NodeManifest, Revision } from '#contracts';
import { WatershedError } from '#errors';
import { addSignature, documentTyp, generateSigil, type Sigil, signDocument } from '#sigil';
import { MemoryGovernance } from '#testing';
import type { CountedHead, HeardAges, IndexResources, NodeStore, StoredNode } from './index.ports.js';
import { IndexEngine } from './index-engine.js';

const clusterId = 'c'.repeat(43);
const load = { inFlight: 0, capacity: 10, loopDelayMs: 0, draining: false };

/** The store's contract in memory, shared by the engines of a test as Postgres is by instances. */
class MemoryStore implements NodeStore {
  readonly rows = new Map<string, StoredNode & { n: number }>();
  epoch = 'one';
  n = 0;
  prunedN = 0;

  async revision(): Promise<Revision> {
    return { epoch: this.epoch, n: this.n };
  }

  async changesSince(
    since: Revision | undefined,
  ): Promise<{ revision: Revision; snapshot: boolean; nodes: StoredNode[] }> {
    const followed = since?.epoch === this.epoch && since.n >= this.prunedN;
    const nodes = [...this.rows.values()].filter((row) => !followed || row.n > since.n);
    return { revision: await this.revision(), snapshot: !followed, nodes };
  }

  async find(nodeId: string): Promise<StoredNode | undefined> {
    return this.rows.get(nodeId);
  }

  async join(node: Parameters<NodeStore['join']>[0]): Promise<Revision | undefined> {
    const { manifest, membership, membershipEpoch, now } = node;
    const before = this.rows.get(manifest.nodeId);
    const older = (before?.membershipEpoch ?? 0) > membershipEpoch;
    const decided = older && before ? before.membership : membership;
    if (decided === 'expelled') return undefined;
    this.n += 1;
    this.rows.set(manifest.nodeId, {
      nodeId: manifest.nodeId,
      manifest,
      health: 'alive',
      membership: decided,
      membershipEpoch: older && before ? before.membershipEpoch : membershipEpoch,
      joinedAt: now,
      lastSeenAt: now,
      n: this.n,
    });
    return this.revision();
  }

  async move(
    nodeId: string,
    ...[from, to]: Parameters<NodeStore['move']> extends [string, ...infer Rest] ? Rest : never
  ) {
    const row = this.rows.get(nodeId);
    if (!row || row.health !== from.health || row.membershipEpoch !== from.membershipEpoch) return undefined;
    this.n += 1;
    const { seenAt, ...rest } = to;
    this.rows.set(nodeId, { ...row, ...rest, lastSeenAt: seenAt, n: this.n });
    return this.revision();
  }

  async prune(before: Date): Promise<Revision | undefined> {
    const gone = [...this.rows.values()].filter(
      ({ health, lastSeenAt }) => ['dead', 'left', 'asleep'].includes(health) && lastSeenAt < before,
    );
    if (gone.length === 0) return undefined;
    for (const { nodeId } of gone) this.rows.delete(nodeId);
    this.n += 1;
    this.prunedN = this.n;
    return this.revision();
  }
}

/** Time, governance and the board between instances, in a test's hand. */
class World {
  now = 1_000_000;
  readonly store = new MemoryStore();
  readonly announced: Revision[] = [];
  readonly board = new Map<string, number>();
  governanceUp = true;
  /** How far the log was counted, as Postgres keeps it over restarts. */
  head: CountedHead | undefined;
  /** What governance hands out instead of its log, where a test lets it lie. */
  lies: ((entries: LogEntry[]) => LogEntry[]) | undefined;

  private constructor(
    readonly genesis: Sigil,
    readonly governance: MemoryGovernance,
  ) {}

  static async begin(genesis: Sigil): Promise<World> {
    return new World(genesis, await MemoryGovernance.begin(clusterId, genesis));
  }

  engine(): IndexEngine {
    const resources: IndexResources = {
      settings: {
        clusterId,
        region: 'EU/FR',
        genesisOperator: this.genesis.publicJwk,
        heartbeatIntervalMs: 1_000,
        suspectAfterMs: 3_000,
        deadAfterMs: 10_000,
        forgetAfterMs: 3_600_000,
      },
      store: this.store,
      board: {
        exchange: async (heard): Promise<HeardAges> => {
          for (const [nodeId, ageMs] of heard) {
            this.board.set(nodeId, Math.max(this.now - ageMs, this.board.get(nodeId) ?? 0));
          }
          return new Map([...this.board].map(([nodeId, at]) => [nodeId, this.now - at]));
        },
      },
      governance: {
        admit: async (nodeId, operatorId) => {
          this.ask();
          return this.governance.admit(nodeId, operatorId);
        },
        log: async (after) => {
          this.ask();
          const entries = this.governance.log(after, 2);
          return this.lies ? this.lies(entries) : entries;
        },
      },
      heads: {
        read: async () => this.head,
        advance: async (head) => {
          this.head = head;
        },
      },
      announcer: { changed: (revision) => this.announced.push(revision) },
      log: { info: () => undefined, warn: () => undefined, error: () => undefined },
      now: () => this.now,
      wallClock: () => new Date(1_700_000_000_000 + this.now),
    };
    return new IndexEngine(resources);
  }

  async manifest(sigil: Sigil, operator = this.genesis, more: Partial<NodeManifest> = {}): Promise<NodeManifest> {
    const body = {
      type: 'watershed/node-manifest' as const,
      nodeId: sigil.thumbprint,
      clusterId,
      region: 'EU/FR',
      types: ['core' as const],
      services: ['toll' as const],
      key: sigil.publicJwk,
      purposeKeys: [],
      operatorId: operator.thumbprint,
      capabilities: {},
      issuedAt: new Date(1_700_000_000_000 + this.now).toISOString(),
      ...more,
    };
    const options = { typ: documentTyp.nodeManifest, aud: clusterId };
    return addSignature(await signDocument(body, sigil, options), operator, options);
  }

  healthOf(nodeId: string): NodeHealth | undefined {
    return this.store.rows.get(nodeId)?.health;
  }

  private ask(): void {
    if (!this.governanceUp) throw new WatershedError('no_node_available', 'No governance.');
  }
}

describe('the index engine', () => {
  let world: World;
  let node: Sigil;
  let id: string;

  beforeEach(async () => {
    world = await World.begin(await generateSigil('operator'));
    node = await generateSigil('node');
    id = node.thumbprint;
  });

  const joined = async (engine: IndexEngine): Promise<void> => {
    await engine.join(id, await world.manifest(node));
  };
  /** Ticks each second, as the processor does; `beat` nodes are heard by these engines. */
  const pass = async (seconds: number, engines: IndexEngine[], beating: IndexEngine[] = []): Promise<void> => {
    for (let i = 0; i < seconds; i++) {
      world.now += 1_000;
      for (const engine of beating) await engine.heard(id, load, []);
      for (const engine of engines) await engine.tick();
    }
  };

  it('keeps alive who is heard, suspects who is silent, and declares dead only after that', async () => {
    const engine = world.engine();
    await joined(engine);
    await pass(20, [engine], [engine]);
    expect(world.healthOf(id)).toBe('alive');
    const seen: (NodeHealth | undefined)[] = [];
    for (let second = 1; second <= 12; second++) {
      await pass(1, [engine]);
      seen.push(world.healthOf(id));
    }
    expect(seen).toEqual([...Array(2).fill('alive'), ...Array(7).fill('suspect'), ...Array(3).fill('dead')]);
  });

  it('forgets who left for ever, with all that it had heard of them, and lets them come back as new', async () => {
    const [engine, other] = [world.engine(), world.engine()];
    await joined(engine);
    await pass(1, [engine], [engine, other]);
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
    await joined(engine);
    expect(world.healthOf(id)).toBe('alive');
    await engine.forgetGone();
    expect(world.healthOf(id)).toBe('alive');
  });

  it('takes a suspect back by one heartbeat, a dead node only by a join', async () => {
    const engine = world.engine();
    await joined(engine);
    await pass(5, [engine]);
    expect(world.healthOf(id)).toBe('suspect');
    await engine.heard(id, load, []);
    expect(world.healthOf(id)).toBe('alive');
    await pass(12, [engine]);
    expect(world.healthOf(id)).toBe('dead');
    await engine.heard(id, load, []);
    await pass(1, [engine], [engine]);
    expect(world.healthOf(id)).toBe('dead');
    await joined(engine);
    expect(world.healthOf(id)).toBe('alive');
  });

  it('does not believe that a node is healthy because the table says so', async () => {
    await joined(world.engine());
    world.board.clear();
    world.now += 4_000;
    const restarted = world.engine();
    const { nodes, revision } = await restarted.changes(undefined);
    expect(nodes[0]?.health).toBe('suspect');
    // Whoever was told of a doubt is told when it is over: both are in the stream.
    await restarted.heard(id, load, []);
    expect((await restarted.changes(revision)).nodes.map((entry) => entry.health)).toEqual(['alive']);
    world.now += 4_000;
    expect((await restarted.find({ service: 'toll' })).refused).toEqual([{ nodeId: id, reason: 'it is suspect' }]);
    await pass(1, [restarted]);
    expect(world.healthOf(id)).toBe('suspect');
  });

  it('buries nobody for its own deafness: what it has not listened for it does not count', async () => {
    const engine = world.engine();
    await joined(engine);
    await pass(3, [engine], [engine]);
    // The process was stopped for a minute: one tick, no heartbeats meanwhile.
    world.now += 60_000;
    await engine.tick();
    expect(world.healthOf(id)).toBe('suspect');
    await pass(5, [engine]);
    expect(world.healthOf(id)).toBe('suspect');
    await engine.heard(id, load, []);
    expect(world.healthOf(id)).toBe('alive');
    world.now += 1_000;
    engine.wasDeaf();
    await pass(9, [engine]);
    expect(world.healthOf(id)).toBe('suspect');
    await pass(2, [engine]);
    expect(world.healthOf(id)).toBe('dead');
  });

  it('believes another instance that heard the node, and writes each transition once between them', async () => {
    const [one, two] = [world.engine(), world.engine()];
    await joined(one);
    await pass(10, [one, two], [two]);
    expect(world.healthOf(id)).toBe('alive');
    const before = world.store.n;
    await pass(20, [one, two]);
    expect(world.healthOf(id)).toBe('dead');
    expect(world.store.n).toBe(before + 2);
  });

  it('does not doubt at one instance what has just joined at, or was just heard by, another', async () => {
    const [one, two] = [world.engine(), world.engine()];
    await joined(one);
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
    await joined(engine);
    await engine.leave(id, 'asleep');
    await pass(20, [engine]);
    expect(world.healthOf(id)).toBe('asleep');
    expect((await engine.find({ service: 'toll' })).refused).toEqual([{ nodeId: id, reason: 'it is asleep' }]);
    await engine.leave('nobody', 'left');
    expect(world.store.rows.size).toBe(1);
  });

  it('answers changes after a revision, and all where the revision cannot be followed', async () => {
    const engine = world.engine();
    await joined(engine);
    const first = await engine.changes(undefined);
    expect([first.snapshot, first.nodes.length]).toEqual([true, 1]);
    expect((await engine.changes(first.revision)).nodes).toEqual([]);
    await engine.leave(id, 'left');
    expect((await engine.changes(first.revision)).nodes.map((entry) => entry.health)).toEqual(['left']);
    world.store.epoch = 'two';
    expect((await engine.changes(first.revision)).snapshot).toBe(true);
  });

  it('finds by model, with the reason for each node that cannot', async () => {
    const engine = world.engine();
    await joined(engine);
    const model = { name: 'org/model', version: '1.0.0', digest: 'd', ready: true };
    const find = async (more: object): Promise<unknown[]> => {
      const { candidates, refused } = await engine.find({ service: 'toll', ...more });
      return [candidates.length, refused[0]?.reason];
    };
    await engine.heard(id, load, [model, { ...model, name: 'org/other', ready: false }]);
    expect(await find({ model: 'org/model' })).toEqual([1, undefined]);
    expect(await find({ model: 'org/model', version: '2.0.0' })).toEqual([0, 'it does not serve org/model 2.0.0']);
    expect(await find({ model: 'org/other' })).toEqual([0, 'org/other is not ready there']);
    await engine.heard(id, { ...load, draining: true }, [model]);
    expect(await find({ model: 'org/model' })).toEqual([0, 'it takes no new work']);
  });

  it('gives effect to what the ballots come to, and takes no expelled node', async () => {
    const engine = world.engine();
    await joined(engine);
    await world.governance.decide([world.genesis], 'node-exclude', id);
    await engine.decidedOn(id);
    expect(world.healthOf(id)).toBe('expelled');
    await expect(joined(engine)).rejects.toMatchObject({ code: 'node_expelled' });
    world.governanceUp = false;
    await expect(joined(engine)).rejects.toMatchObject({ code: 'node_expelled' });
    await engine.heard(id, load, []);
    await engine.leave(id, 'left');
    await pass(20, [engine], [engine]);
    expect(world.healthOf(id)).toBe('expelled');
    world.governanceUp = true;
    await world.governance.decide([world.genesis], 'node-readmit', id);
    await engine.decidedOn(id);
    expect(world.healthOf(id)).toBe('left');
  });

  it('learns a decision whose broadcast was lost, by asking', async () => {
    const engine = world.engine();
    await joined(engine);
    await world.governance.decide([world.genesis], 'node-exclude', id);
    await pass(6, [engine], [engine]);
    expect(world.healthOf(id)).toBe('expelled');
  });

  it('reads the log when it hears that it has grown, and not when it knows that entry', async () => {
    const engine = world.engine();
    await joined(engine);
    const other = await generateSigil('operator');
    await world.governance.welcome([world.genesis], other);
    await engine.logGrew(world.governance.entries.length);
    world.governanceUp = false;
    await engine.logGrew(world.governance.entries.length);
    const [theirs, manifest] = await generateSigil('node').then(
      async (sigil) => [sigil, await world.manifest(sigil, other, { services: ['runner'] })] as const,
    );
    // Their key is known by now; whether the node belongs, governance would have to say.
    await expect(engine.join(theirs.thumbprint, manifest)).rejects.toMatchObject({ code: 'no_node_available' });
    world.governanceUp = true;
    await engine.join(theirs.thumbprint, manifest);
    expect(world.healthOf(theirs.thumbprint)).toBe('alive');
  });

  describe('does not believe a governance that', () => {
    const outcomeOf = (entries: LogEntry[], state: string) =>
      entries.map((entry) => ({
        ...entry,
        outcome: entry.kind === 'ballot' ? { ...entry.outcome, state } : entry.outcome,
      }));

    it('expels a node without ballots', async () => {
      const engine = world.engine();
      await joined(engine);
      const last = world.governance.entries.at(-1) as LogEntry;
      const made = { ...last, seq: last.seq + 1, previousHash: last.hash };
      const forged = { ...made, outcome: { ...made.outcome, state: 'expelled', epoch: 2 } };
      world.lies = () => [{ ...forged, hash: hashOf(forged) }];
      await expect(engine.decidedOn(id)).rejects.toMatchObject({ code: 'no_node_available' });
      await pass(6, [engine], [engine]);
      expect(world.healthOf(id)).toBe('alive');
    });

    it('tells another outcome than the ballots come to', async () => {
      const engine = world.engine();
      await joined(engine);
      const other = await generateSigil('operator');
      await world.governance.welcome([world.genesis], other);
      await world.governance.decide([world.genesis], 'node-exclude', id);
      world.lies = (entries) => outcomeOf(entries, 'passed');
      await expect(engine.decidedOn(id)).rejects.toMatchObject({ code: 'no_node_available' });
      expect(world.healthOf(id)).toBe('alive');
      world.lies = undefined;
      await engine.decidedOn(id);
      expect(world.healthOf(id)).toBe('alive');
    });

    it('hides, from an index that starts anew, that an operator was voted out', async () => {
      const other = await generateSigil('operator');
      await world.governance.welcome([world.genesis], other);
      const before = world.governance.entries.length;
      await world.governance.decide([world.genesis, other], 'operator-remove', other.thumbprint);
      await world.engine().logGrew(world.governance.entries.length);
      const theirs = await generateSigil('node');
      const manifest = await world.manifest(theirs, other);
      const truncated = world.governance.entries.slice(0, before);
      world.lies = (entries) => entries.filter(({ seq }) => seq <= truncated.length);
      const restarted = world.engine();
      await expect(restarted.join(theirs.thumbprint, manifest)).rejects.toMatchObject({ code: 'no_node_available' });
      world.lies = undefined;
      await expect(restarted.join(theirs.thumbprint, manifest)).rejects.toMatchObject({ code: 'manifest_invalid' });
      world.head = { seq: before, hash: 'f'.repeat(64) };
      const rewritten = world.engine();
      await expect(rewritten.logGrew(before)).rejects.toMatchObject({ code: 'no_node_available' });
      await expect(rewritten.join(theirs.thumbprint, manifest)).rejects.toMatchObject({ code: 'no_node_available' });
    });

    it('begins with an operator of its own', async () => {
      const mallory = await generateSigil('operator');
      const usurped = await MemoryGovernance.begin(clusterId, mallory);
      world.lies = () => usurped.log(0);
      const engine = world.engine();
      const theirs = await generateSigil('node');
      const manifest = await world.manifest(theirs, mallory);
      await expect(engine.join(theirs.thumbprint, manifest)).rejects.toMatchObject({ code: 'no_node_available' });
      expect(world.store.rows.size).toBe(0);
    });

    it('admits again, by word alone, who was voted out', async () => {
      const engine = world.engine();
      await joined(engine);
      await world.governance.decide([world.genesis], 'node-exclude', id);
      await engine.decidedOn(id);
      const { membership } = world.governance.count.memberships.get(id) ?? {};
      if (!membership) throw new Error('no membership');
      world.governance.admit = async () => ({ ...membership, state: 'admitted', epoch: membership.epoch });
      await expect(joined(engine)).rejects.toMatchObject({ code: 'node_expelled' });
    });
  });

  it('keeps the nodes of an operator who was voted out, takes no new ones of theirs, and starts again with them', async () => {
    const other = await generateSigil('operator');
    await joined(world.engine());
    await world.governance.welcome([world.genesis], other);
    await world.governance.decide([world.genesis, other], 'operator-remove', world.genesis.thumbprint);
    const restarted = world.engine();
    await joined(restarted);
    expect(world.healthOf(id)).toBe('alive');
    const late = await generateSigil('node');
    const manifest = await world.manifest(late);
    await expect(restarted.join(late.thumbprint, manifest)).rejects.toMatchObject({ code: 'manifest_invalid' });
    world.governanceUp = false;
    await expect(restarted.join(late.thumbprint, manifest)).rejects.toMatchObject({ code: 'no_node_available' });
    // Governance is one of these nodes: nobody could ask it before it is back.
    await restarted.leave(id, 'asleep');
    await joined(restarted);
    expect(world.healthOf(id)).toBe('alive');
  });

  it("takes the genesis operator's nodes provisionally while governance is away, others not, and asks later", async () => {
    const engine = world.engine();
    world.governanceUp = false;
    await joined(engine);
    expect(world.store.rows.get(id)?.membershipEpoch).toBe(0);
    const other = await generateSigil('operator');
    const theirs = await generateSigil('node');
    const manifest = await world.manifest(theirs, other, { services: ['runner'] });
    await expect(engine.join(theirs.thumbprint, manifest)).rejects.toMatchObject({ code: 'no_node_available' });
    world.governanceUp = true;
    await expect(engine.join(theirs.thumbprint, manifest)).rejects.toMatchObject({ code: 'manifest_invalid' });
    await world.governance.welcome([world.genesis], other);
    await engine.join(theirs.thumbprint, manifest);
    expect(world.store.rows.get(theirs.thumbprint)?.membershipEpoch).toBe(1);
    await pass(1, [engine], [engine]);
    expect(world.store.rows.get(id)?.membershipEpoch).toBe(1);
  });

  it('takes runners of other operators, and nothing else of theirs', async () => {
    const engine = world.engine();
    const other = await generateSigil('operator');
    await world.governance.welcome([world.genesis], other);
    for (const services of [['registry'], ['runner', 'gateway']] as const) {
      const manifest = await world.manifest(node, other, { services: [...services] });
      await expect(engine.join(id, manifest)).rejects.toMatchObject({ code: 'manifest_invalid' });
    }
    await engine.join(id, await world.manifest(node, other, { services: ['runner'] }));
  });

  it('refuses keys in a manifest that no node may hold', async () => {
    const engine = world.engine();
    const purposeKeys = [{ purpose: 'operator' as const, key: node.publicJwk }];
    const manifest = await world.manifest(node, world.genesis, { purposeKeys });
    await expect(engine.join(id, manifest)).rejects.toMatchObject({ code: 'manifest_invalid' });
  });
});
