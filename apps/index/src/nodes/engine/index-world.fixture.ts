import { InternalNetwork, NodeRanges } from '#config';
import type { LogEntry, NodeHealth, NodeManifest, Revision } from '#contracts';
import { WatershedError } from '#errors';
import { addSignature, documentTyp, generateSigil, type Sigil, signDocument } from '#sigil';
import { MemoryGovernance } from '#testing';
import { refuseTaken } from './address-claims.js';
import type { CountedHead, HeardAges, IndexResources, NodeStore, StoredNode } from './index.ports.js';
import { IndexEngine } from './index-engine.js';

export const clusterId = 'c'.repeat(43);
export const load = { inFlight: 0, capacity: 10, loopDelayMs: 0, draining: false };

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
    refuseTaken(manifest, this.rows.values());
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
export class World {
  now = 1_000_000;
  readonly store = new MemoryStore();
  readonly announced: Revision[] = [];
  readonly board = new Map<string, number>();
  governanceUp = true;
  /** What the operator lists nothing of lies where it lies by default. */
  nodeRanges = new NodeRanges(new InternalNetwork(['inner']));
  /** How far the log was counted, as Postgres keeps it over restarts. */
  head: CountedHead | undefined;
  /** What governance hands out instead of its log, where a test lets it lie. */
  lies: ((entries: LogEntry[]) => LogEntry[]) | undefined;

  private constructor(
    readonly genesis: Sigil,
    /** One of the genesis operator's, which the tests watch. */
    readonly node: Sigil,
    readonly governance: MemoryGovernance,
  ) {}

  static async begin(): Promise<World> {
    const [genesis, node] = await Promise.all([generateSigil('operator'), generateSigil('node')]);
    return new World(genesis, node, await MemoryGovernance.begin(clusterId, genesis));
  }

  engine(): IndexEngine {
    const resources: IndexResources = {
      settings: {
        clusterId,
        region: 'EU/FR',
        genesisOperator: this.genesis.publicJwk,
        nodeRanges: this.nodeRanges,
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

  async joined(engine: IndexEngine): Promise<void> {
    await engine.join(this.node.thumbprint, await this.manifest(this.node));
  }

  /** Ticks each second, as the processor does; the node is heard by the engines named last. */
  async pass(seconds: number, engines: IndexEngine[], hearing: IndexEngine[] = []): Promise<void> {
    for (let i = 0; i < seconds; i++) {
      this.now += 1_000;
      for (const engine of hearing) await engine.heard(this.node.thumbprint, load, []);
      for (const engine of engines) await engine.tick();
    }
  }

  healthOf(nodeId: string): NodeHealth | undefined {
    return this.store.rows.get(nodeId)?.health;
  }

  private ask(): void {
    if (!this.governanceUp) throw new WatershedError('no_node_available', 'No governance.');
  }
}
