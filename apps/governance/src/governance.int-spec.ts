import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { uuidv7 } from 'uuidv7';
import { proposalDigest, signBallot, signProposal } from '#ballots';
import {
  governanceAdmit,
  governanceLog,
  governanceMembers,
  governanceProposals,
  governancePropose,
  governanceVote,
  type Membership,
  membershipChanged,
  type NodeEntry,
} from '#contracts';
import { ClusterNode, type IndexPort, type RunningApp } from '#node';
import { loadOrCreateSigil, type Sigil } from '#sigil';
import { createMetrics } from '#telemetry';
import { eventually, type TestDatabase, type TestRedis, testDatabase, testLogger, testRedis } from '#testing';
import { startGovernance } from './app.js';

/** An index in memory: enough for nodes to know of each other. */
class MemoryIndex implements IndexPort {
  static readonly nodes = new Map<string, NodeEntry>();
  static n = 0;
  async join(manifest: NodeEntry['manifest']) {
    const now = new Date().toISOString();
    const { nodeId } = manifest;
    MemoryIndex.n += 1;
    MemoryIndex.nodes.set(nodeId, {
      nodeId,
      manifest,
      health: 'alive',
      membership: 'admitted',
      models: [],
      joinedAt: now,
      lastSeenAt: now,
    });
    return { revision: { epoch: 'one', n: MemoryIndex.n }, heartbeatIntervalMs: 50, suspectAfterMs: 1_000 };
  }
  async changes() {
    return { revision: { epoch: 'one', n: MemoryIndex.n }, snapshot: true, nodes: [...MemoryIndex.nodes.values()] };
  }
  async leave() {}
}

describe('governance on the bus', () => {
  let redis: TestRedis;
  let template: TestDatabase;
  let dataDir: string;
  let governance: RunningApp;
  let index: ClusterNode;
  let gateway: ClusterNode;
  let operator: Sigil;
  const heard: { membership: Membership; at: number; from: string }[] = [];
  const env = () => ({
    WATERSHED_CLUSTER_ID: redis.clusterId,
    WATERSHED_CLUSTER_NAME: 'test',
    WATERSHED_REGION: 'EU/FR',
    WATERSHED_DATA_DIR: dataDir,
    WATERSHED_REDIS_URL: redis.url,
    WATERSHED_LOG_LEVEL: 'silent',
    GOVERNANCE_DATABASE_URL: template.urlFor('governance'),
  });
  const joined = async (service: 'gateway' | 'index') => {
    const node = await ClusterNode.prepare({
      env: env(),
      services: [service],
      types: ['core'],
      logger: testLogger(),
      metrics: createMetrics(service),
    });
    await node.join({ index: new MemoryIndex() });
    await node.directory.waitFor('governance', 5_000);
    return node;
  };
  beforeAll(async () => {
    [redis, template, dataDir] = await Promise.all([
      testRedis(),
      testDatabase(),
      mkdtemp(join(tmpdir(), 'watershed-governance-')),
    ]);
    operator = await loadOrCreateSigil(join(dataDir, 'operator', 'sigil.json'), 'operator');
    governance = await startGovernance(env(), { index: new MemoryIndex() });
    [index, gateway] = await Promise.all([joined('index'), joined('gateway')]);
    index.bus.on(
      membershipChanged,
      ({ membership }, from) => void heard.push({ membership, at: performance.now(), from }),
    );
  });
  afterAll(async () => {
    for (const node of [index, gateway]) await node?.close();
    await governance?.drain();
    await governance?.close();
    // Postgres notices a closed connection a moment later.
    await eventually(async () => expect(await template?.connections()).toEqual([]));
    await template?.close();
    await redis?.close();
    await rm(dataDir, { recursive: true, force: true });
  });

  it('takes the operator of its data folder as the first one', async () => {
    const { operators } = await gateway.bus.call(governanceMembers, {});
    expect(operators).toMatchObject([{ operatorId: operator.thumbprint, key: operator.publicJwk }]);
  });

  it('expels a node by a signed ballot that the index hears of within 100 ms', async () => {
    const nodeId = 'n'.repeat(43);
    await index.bus.call(governanceAdmit, { nodeId, operatorId: operator.thumbprint });
    const proposal = await signProposal(
      {
        proposalId: uuidv7(),
        clusterId: redis.clusterId,
        kind: 'node-exclude',
        subject: nodeId,
        reason: 'it lied about its memory',
        operators: [operator.thumbprint],
        openedAt: new Date().toISOString(),
        closesAt: new Date(Date.now() + 60_000).toISOString(),
      },
      operator,
    );
    const opened = await gateway.bus.call(governancePropose, { proposal });
    expect(opened.tally).toMatchObject({ state: 'open', needed: 1 });
    const { proposalId, clusterId } = proposal;
    const ballot = await signBallot(
      { clusterId, proposalId, proposalDigest: proposalDigest(proposal), choice: 'for', castAt: new Date() },
      operator,
    );
    const { membership } = (await gateway.bus.call(governanceVote, { ballot })).tally;
    const answeredAt = performance.now();
    expect(membership).toMatchObject({ nodeId, state: 'expelled', epoch: 2 });
    await eventually(() => heard.some((each) => each.membership.epoch === 2), { intervalMs: 2 });
    const announced = heard.find((each) => each.membership.epoch === 2);
    expect(announced).toMatchObject({ membership, from: governance.nodeId });
    expect((announced?.at ?? Number.POSITIVE_INFINITY) - answeredAt).toBeLessThan(100);
    const [record] = (await gateway.bus.call(governanceProposals, {})).items;
    expect(record).toMatchObject({ proposal, ballots: [ballot], tally: { state: 'passed' } });
    const { entries } = await index.bus.call(governanceLog, { after: 1 });
    expect(entries.map(({ kind }) => kind)).toEqual(['admission', 'proposal', 'ballot']);
    expect(entries.at(-1)?.document).toEqual(ballot);
  });

  it('lets only the index ask for an admission, and only the gateway bring a decision', async () => {
    const asked = gateway.bus.call(governanceAdmit, { nodeId: 'm'.repeat(43), operatorId: operator.thumbprint });
    await expect(asked).rejects.toMatchObject({ code: 'caller_not_allowed' });
  });

  it('keeps operators and memberships over a restart, and starts no second genesis', async () => {
    const before = await gateway.bus.call(governanceMembers, {});
    await governance.drain();
    await governance.close();
    governance = await startGovernance(env(), { index: new MemoryIndex() });
    await eventually(async () => expect(await gateway.bus.call(governanceMembers, {})).toEqual(before));
  });
});
