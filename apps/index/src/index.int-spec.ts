import { join } from 'node:path';
import { jest } from '@jest/globals';
import pg from 'pg';
import { genesisHash } from '#ballots';
import {
  governanceAdmit,
  governanceLog,
  indexChanges,
  indexJoin,
  membershipChanged,
  type NodeHealth,
  type ServiceName,
} from '#contracts';
import { isWatershedError, type WatershedError } from '#errors';
import { ClusterNode, type RunningApp, signedManifest } from '#node';
import { generateSigil, loadOrCreateSigil } from '#sigil';
import { createMetrics } from '#telemetry';
import { AppStand, eventually, MemoryGovernance, testLogger } from '#testing';
import { startIndex } from './app.js';

type Env = Record<string, string>;

// Every wait below has a deadline of its own; this one is for a machine that does much else meanwhile.
jest.setTimeout(30_000);

describe('the index', () => {
  let stand: AppStand;
  let apps: RunningApp[];
  let nodes: ClusterNode[];

  beforeEach(async () => {
    stand = await AppStand.open();
    apps = [];
    nodes = [];
  });

  afterEach(async () => {
    // The nodes first: they say good-bye to an index that still hears them.
    await Promise.all(nodes.map((node) => node.close()));
    await Promise.all(apps.map((app) => app.close()));
    await stand.close();
  });

  async function index(
    name = 'index-1',
    { heartbeatMs, suspectMs, deadMs } = { heartbeatMs: 100, suspectMs: 500, deadMs: 1_500 },
  ): Promise<RunningApp> {
    const app = await startIndex(
      stand.env('index', {
        WATERSHED_NODE_NAME: name,
        INDEX_HEARTBEAT_INTERVAL_MS: String(heartbeatMs),
        INDEX_SUSPECT_AFTER_MS: String(suspectMs),
        INDEX_DEAD_AFTER_MS: String(deadMs),
      }),
    );
    apps.push(app);
    return app;
  }

  async function prepare(service: ServiceName, name: string = service, more: Env = {}): Promise<ClusterNode> {
    const node = await ClusterNode.prepare({
      env: stand.env(service, { WATERSHED_NODE_NAME: name, ...more }),
      services: [service],
      types: ['core'],
      logger: testLogger(),
      metrics: createMetrics(service),
      joinTimeoutMs: 5_000,
    });
    nodes.push(node);
    return node;
  }

  async function joined(service: ServiceName, name: string = service): Promise<ClusterNode> {
    const node = await prepare(service, name);
    await node.join();
    return node;
  }

  /** Stops a node as a crash would: no good-bye. */
  async function crash(node: ClusterNode): Promise<void> {
    nodes.splice(nodes.indexOf(node), 1);
    await node.bus.close();
    await node.close();
  }

  const healthSeen = (by: ClusterNode, of: { nodeId: string }): NodeHealth | undefined =>
    by.directory.get(of.nodeId)?.health;
  const failure = (call: Promise<unknown>): Promise<WatershedError> =>
    call.then(
      () => Promise.reject(new Error('it was answered')),
      (error: unknown) => (isWatershedError(error) ? error : Promise.reject(error)),
    );

  /** A governance with its log in memory, whose genesis operator votes as told. */
  async function governance(): Promise<{
    node: ClusterNode;
    decide(nodeId: string, kind: 'node-exclude' | 'node-pause' | 'node-readmit'): Promise<void>;
  }> {
    const node = await prepare('governance');
    const decisions = await MemoryGovernance.begin(stand.clusterId, stand.operator);
    node.bus.handle(governanceAdmit, async ({ nodeId, operatorId }) => ({
      membership: await decisions.admit(nodeId, operatorId),
    }));
    node.bus.handle(governanceLog, ({ after }) => {
      const last = decisions.entries.at(-1);
      return { entries: decisions.log(after), head: { seq: last?.seq ?? 0, hash: last?.hash ?? genesisHash } };
    });
    await node.join();
    return {
      node,
      decide: async (nodeId, kind) => {
        const { membership } = await decisions.decide([stand.operator], kind, nodeId);
        if (!membership) throw new Error('the vote changed no membership');
        await node.bus.broadcast(membershipChanged, { membership });
      },
    };
  }

  it('takes nodes in, shows them to each other, and sends each the changes of the others', async () => {
    await index();
    const toll = await joined('toll');
    const gateway = await joined('gateway');
    await eventually(() => healthSeen(gateway, toll) === 'alive' && healthSeen(toll, gateway) === 'alive');
    expect(gateway.directory.find('toll').map(({ nodeId }) => nodeId)).toEqual([toll.nodeId]);
    await eventually(() => gateway.directory.get(toll.nodeId)?.load !== undefined);
    expect(gateway.directory.find('index')).toHaveLength(1);
  });

  it('is waited for by nodes that start before it', async () => {
    const toll = await prepare('toll');
    const joining = toll.join();
    await index();
    await joining;
    expect(healthSeen(toll, toll)).toBe('alive');
  });

  it('is shared by two instances: each knows who joined at the other, and one can go', async () => {
    const first = await index('index-1');
    const second = await index('index-2');
    const toll = await joined('toll');
    const gateway = await joined('gateway');
    await eventually(() => gateway.directory.find('index').length === 2);
    for (const to of [first.nodeId, second.nodeId]) {
      const { nodes } = await gateway.bus.call(indexChanges, {}, { to });
      expect(nodes.find(({ nodeId }) => nodeId === toll.nodeId)?.health).toBe('alive');
    }
    const before = gateway.directory.revision;
    await first.close();
    await eventually(() => healthSeen(gateway, first) === 'asleep');
    const registry = await joined('registry');
    await eventually(() => healthSeen(gateway, registry) === 'alive');
    expect(gateway.directory.revision?.epoch).toBe(before?.epoch);
    expect(healthSeen(gateway, toll)).toBe('alive');
  });

  it('writes one transition for one silence, however many instances saw it', async () => {
    await index('index-1');
    await index('index-2');
    const gateway = await joined('gateway');
    const toll = await joined('toll');
    await eventually(() => healthSeen(gateway, toll) === 'alive');
    const seen: (NodeHealth | undefined)[] = [];
    gateway.directory.onChange(({ nodeId, entry }) => {
      if (nodeId === toll.nodeId) seen.push(entry?.health);
    });
    const client = new pg.Client(stand.database.adminUrl);
    await client.connect();
    const n = async (): Promise<number> =>
      Number((await client.query<{ n: string }>('SELECT n FROM "index"."stream"')).rows[0]?.n);
    await crash(toll);
    await eventually(() => healthSeen(gateway, toll) === 'suspect');
    const atSuspect = await n();
    await eventually(() => healthSeen(gateway, toll) === 'dead');
    expect(await n()).toBe(atSuspect + 1);
    await client.end();
    expect(new Set(seen)).toEqual(new Set(['suspect', 'dead']));
  });

  it('suspects before it declares dead, and a suspect that is heard again is alive', async () => {
    await index();
    const gateway = await joined('gateway');
    const toll = await prepare('toll');
    const seen: (NodeHealth | undefined)[] = [];
    gateway.directory.onChange(({ nodeId, entry }) => {
      if (nodeId === toll.nodeId) seen.push(entry?.health);
    });
    const broadcast = toll.bus.broadcast.bind(toll.bus);
    let silent = false;
    toll.bus.broadcast = async (...args: Parameters<typeof broadcast>) => (silent ? undefined : broadcast(...args));
    await toll.join();
    await eventually(() => seen.includes('alive'));
    silent = true;
    await eventually(() => healthSeen(gateway, toll) === 'suspect');
    silent = false;
    await eventually(() => healthSeen(gateway, toll) === 'alive');
    expect(seen).not.toContain('dead');
  });

  it('knows a planned sleep from a failure', async () => {
    await index();
    const gateway = await joined('gateway');
    const toll = await joined('toll');
    await eventually(() => healthSeen(gateway, toll) === 'alive');
    await toll.close();
    await eventually(() => healthSeen(gateway, toll) === 'asleep');
    expect(gateway.directory.find('toll')).toEqual([]);
  });

  it('refuses forged manifests', async () => {
    await index();
    const node = await prepare('toll');
    const sigil = await loadOrCreateSigil(join(stand.dataDir, 'nodes', 'toll.json'), 'node');
    const { operator } = stand;
    const stranger = await generateSigil('operator');
    const declared = {
      type: 'watershed/node-manifest' as const,
      nodeId: sigil.thumbprint,
      clusterId: stand.clusterId,
      region: 'EU/FR',
      types: ['core' as const],
      services: ['toll' as const],
      key: sigil.publicJwk,
      operatorId: stand.operator.thumbprint,
      issuedAt: new Date().toISOString(),
    };
    const other = await generateSigil('node');
    const wrongPurpose = await generateSigil('node');
    const cases: Record<string, Promise<Awaited<ReturnType<typeof signedManifest>>>> = {
      anotherNode: signedManifest({ ...declared, nodeId: other.thumbprint, key: other.publicJwk }, other, operator),
      idIsNotKey: signedManifest({ ...declared, key: other.publicJwk }, other, operator),
      foreignCluster: signedManifest({ ...declared, clusterId: other.thumbprint }, sigil, operator),
      foreignRegion: signedManifest({ ...declared, region: 'EU/DE' }, sigil, operator),
      regionByPrefix: signedManifest({ ...declared, region: 'EU/FRX' }, sigil, operator),
      fromTheFuture: signedManifest(
        { ...declared, issuedAt: new Date(Date.now() + 3_600_000).toISOString() },
        sigil,
        operator,
      ),
      otherSigner: signedManifest(declared, sigil, stranger),
      signedByOtherNode: signedManifest(declared, wrongPurpose, operator),
      elsewhere: signedManifest({ ...declared, url: 'https://203.0.113.9:4105' }, sigil, operator),
      noCertificate: signedManifest({ ...declared, url: 'https://127.0.0.1:4105' }, sigil, operator),
      plainText: signedManifest({ ...declared, url: 'http://10.0.0.7:4105' }, sigil, operator),
      tampered: signedManifest(declared, sigil, operator).then((manifest) => ({
        ...manifest,
        services: ['governance'],
      })),
    };
    for (const [name, making] of Object.entries(cases)) {
      const manifest = await making;
      const to = apps[0]?.nodeId;
      const error = await failure(node.bus.call(indexJoin, { manifest }, { to }));
      expect([name, error.code]).toEqual([
        name,
        expect.stringMatching(/^(manifest_invalid|signature_invalid|node_address_refused)$/),
      ]);
    }
    const unknownOperator = await signedManifest({ ...declared, operatorId: stranger.thumbprint }, sigil, stranger);
    const error = await failure(node.bus.call(indexJoin, { manifest: unknownOperator }, { to: apps[0]?.nodeId }));
    // Without governance nobody can say whether this is an operator: asked again later, never taken.
    expect(error.code).toBe('no_node_available');
    await governance();
    const refused = await failure(node.bus.call(indexJoin, { manifest: unknownOperator }, { to: apps[0]?.nodeId }));
    expect(refused.code).toBe('manifest_invalid');
    expect((await failure(node.bus.call(indexChanges, {}, { to: apps[0]?.nodeId }))).code).toBe('caller_not_allowed');
  });

  it('gives a decision of governance effect within a second, by its announcement alone', async () => {
    // Nothing asks by itself for as long as this test runs: not the index for decisions, not the nodes for changes.
    await index('index-1', { heartbeatMs: 20_000, suspectMs: 60_000, deadMs: 120_000 });
    const { decide } = await governance();
    const gateway = await joined('gateway');
    const toll = await joined('toll');
    const served = () => gateway.directory.find('toll').length;
    await eventually(() => served() === 1);
    const effectMs: number[] = [];
    for (let i = 0; i < 4; i++) {
      for (const [kind, left] of [
        ['node-pause', 0],
        ['node-readmit', 1],
      ] as const) {
        const decidedAt = performance.now();
        await decide(toll.nodeId, kind);
        await eventually(() => served() === left, { intervalMs: 5 });
        effectMs.push(performance.now() - decidedAt);
      }
    }
    // A delay of ours would be in every one of them; what a machine does meanwhile is not.
    expect(Math.min(...effectMs)).toBeLessThan(1_000);
    expect(healthSeen(gateway, toll)).toBe('alive');
    await decide(toll.nodeId, 'node-exclude');
    await eventually(() => healthSeen(gateway, toll) === 'expelled');
    await eventually(async () => (await failure(toll.bus.call(indexChanges, {}))).code === 'node_expelled');
    const again = await prepare('toll', 'toll-again', {});
    await again.join();
    const back = await prepare('toll');
    expect((await failure(back.join())).code).toBe('node_expelled');
    await decide(toll.nodeId, 'node-readmit');
    await eventually(() => healthSeen(gateway, toll) === 'left');
    await back.join();
    await eventually(() => healthSeen(gateway, toll) === 'alive');
  });

  it('asks governance later about nodes that it took in without it', async () => {
    await index();
    const gateway = await joined('gateway');
    const client = new pg.Client(stand.database.adminUrl);
    await client.connect();
    const unconfirmed = async (): Promise<number> => {
      const { rows } = await client.query<{ n: string }>(
        'SELECT count(*) AS n FROM "index"."node" WHERE membership_epoch = 0',
      );
      return Number(rows[0]?.n);
    };
    expect(await unconfirmed()).toBe(2);
    const { decide } = await governance();
    await eventually(async () => (await unconfirmed()) === 0);
    await decide(gateway.nodeId, 'node-exclude');
    await eventually(() => healthSeen(gateway, gateway) === 'expelled');
    await client.end();
  });

  it('starts its watchers anew, and takes its nodes in again, after it lost its data', async () => {
    await index();
    const gateway = await joined('gateway');
    const toll = await joined('toll');
    await eventually(() => healthSeen(gateway, toll) === 'alive');
    const epoch = gateway.directory.revision?.epoch;
    await apps[0]?.close();
    const client = new pg.Client(stand.database.adminUrl);
    await client.connect();
    await client.query('TRUNCATE "index"."node", "index"."stream"');
    await client.end();
    await index();
    await eventually(() => gateway.directory.revision?.epoch !== epoch && healthSeen(gateway, toll) === 'alive', {
      timeoutMs: 8_000,
    });
  });

  it('does not take for healthy what it has not heard since it started', async () => {
    await index();
    const toll = await joined('toll');
    const gateway = await joined('gateway');
    await eventually(() => healthSeen(gateway, toll) === 'alive');
    await crash(toll);
    const crashedAt = performance.now();
    await apps[0]?.close();
    await stand.redis.close();
    await eventually(() => performance.now() > crashedAt + 600);
    const again = await index();
    const { nodes: entries } = await gateway.bus.call(indexChanges, {}, { to: again.nodeId });
    expect(entries.find((entry) => entry.nodeId === toll.nodeId)?.health).not.toBe('alive');
    await eventually(() => healthSeen(gateway, gateway) === 'alive' && healthSeen(gateway, toll) === 'dead');
  });
});
