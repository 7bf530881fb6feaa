import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { uuidv7 } from 'uuidv7';
import { DecisionCount, proposalDigest, signBallot, signProposal } from '#ballots';
import { type Ballot, type Membership, membership } from '#contracts';
import { type Database, OutboxRelay, openDatabase } from '#persistence';
import { generateSigil, type Sigil } from '#sigil';
import { eventually, type TestDatabase, testDatabase } from '#testing';
import { deliverAnnouncements } from './announcements.js';
import { GovernanceEngine } from './engine/governance-engine.js';
import { GovernanceRepository } from './governance.repository.js';

const root = join(import.meta.dirname, '../../../..');
const clusterId = 'c'.repeat(43);
const dist = (path: string) => JSON.stringify(join(root, 'dist', path));

/** A governance process that takes one vote, and stands still at one point of it. */
const voter = `
  const { openDatabase } = await import(${dist('libs/persistence/src/index.js')});
  const { GovernanceRepository } = await import(${dist('apps/governance/src/membership/governance.repository.js')});
  const { GovernanceEngine } = await import(${dist('apps/governance/src/membership/engine/governance-engine.js')});
  const { DATABASE_OF_TEST: url, BALLOT_OF_TEST: ballot, POINT_OF_TEST: point, CLUSTER_OF_TEST: clusterId } = process.env;
  const database = await openDatabase({ url, applicationName: 'killed in mid-vote' });
  const reach = async (name) => {
    if (!name.includes(point)) return;
    console.log('reached');
    await new Promise(() => undefined);
  };
  const watched = (client) => new Proxy(client, {
    get: (target, name) => name !== 'query' ? Reflect.get(target, name) : async (text, ...values) => {
      await reach(typeof text === 'string' ? text : text.text);
      return target.query(text, ...values);
    },
  });
  const sqlTransaction = async (fn) => {
    const result = await database.sqlTransaction(async (client) => {
      const outcome = await fn(watched(client));
      await reach('before the commit');
      return outcome;
    });
    await reach('after the commit');
    return result;
  };
  const store = new GovernanceRepository({ pool: database.pool, prisma: database.prisma, sqlTransaction });
  const engine = new GovernanceEngine({ store, clusterId, now: () => new Date(), onChanged: () => undefined });
  await engine.vote(JSON.parse(ballot));
  console.log('voted');
  await database.close();
`;

describe('a governance process that is killed in mid-vote', () => {
  let template: TestDatabase;
  let database: Database;
  let store: GovernanceRepository;
  let alice: Sigil;
  let announced: Membership[];
  let relay: OutboxRelay;

  beforeAll(() => {
    // What is killed runs from the build.
    execFileSync(process.execPath, [join(root, 'scripts', 'build.mjs')]);
  }, 120_000);

  beforeEach(async () => {
    template = await testDatabase();
    database = await openDatabase({ url: template.urlFor('governance'), applicationName: 'mid-vote test' });
    store = new GovernanceRepository(database);
    alice = await generateSigil('operator');
    announced = [];
    relay = new OutboxRelay({
      pool: database.pool,
      app: 'governance',
      deliver: deliverAnnouncements({
        store,
        access: { revoke: async () => undefined, restore: async () => undefined },
        bus: {
          broadcast: async ({ name }, payload) => {
            if (name !== 'membership-changed') return;
            announced.push(membership.parse((payload as { membership: unknown }).membership));
          },
        },
      }),
      backoffMs: 20,
      claimMs: 500,
    });
  });
  afterEach(async () => {
    await relay.close();
    await database.close();
    await template.close();
  });

  /** An instance that starts now, with nothing counted yet. */
  const newEngine = () =>
    new GovernanceEngine({ store, clusterId, now: () => new Date(), onChanged: () => relay.wake() });

  /** Recounted by whoever has the log alone: what it comes to, and that the tables say the same. */
  async function recounted(): Promise<{ ballots: number; state: string | undefined; epoch: number | undefined }> {
    const entries = await store.entriesAfter(0, 1_000);
    const count = new DecisionCount(clusterId, alice.thumbprint);
    for (const entry of entries) await count.take(entry);
    const counted = [...count.memberships.values()].map((each) => each.membership);
    expect(await store.memberships()).toEqual(counted);
    return {
      ballots: entries.filter(({ kind }) => kind === 'ballot').length,
      state: counted[0]?.state,
      epoch: counted[0]?.epoch,
    };
  }

  async function voteAndDie(ballot: Ballot, point: string): Promise<string[]> {
    const child = spawn(process.execPath, ['--input-type=module', '-e', voter], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: {
        PATH: process.env.PATH,
        DATABASE_OF_TEST: template.urlFor('governance'),
        BALLOT_OF_TEST: JSON.stringify(ballot),
        POINT_OF_TEST: point,
        CLUSTER_OF_TEST: clusterId,
      },
    });
    const ended = once(child, 'close');
    const said: string[] = [];
    for await (const line of createInterface({ input: child.stdout })) {
      said.push(line);
      if (line === 'reached') child.kill('SIGKILL');
    }
    await ended;
    return said;
  }

  it.each([
    ['before anything is written', 'INSERT INTO governance.membership', false],
    ['between the membership and the log', 'INSERT INTO governance.log', false],
    ['when all is written and nothing committed', 'before the commit', false],
    ['when it is committed and not answered', 'after the commit', true],
  ])(
    '%s has cast its vote once or not at all, and the same vote again comes to the same',
    async (_when, point, committed) => {
      const first = newEngine();
      await first.begin({ key: alice.publicJwk, name: 'genesis' });
      const nodeId = 'n'.repeat(43);
      await first.admit(nodeId, alice.thumbprint);
      const proposal = await signProposal(
        {
          proposalId: uuidv7(),
          clusterId,
          kind: 'node-exclude',
          subject: nodeId,
          reason: 'it lied',
          operators: [alice.thumbprint],
          openedAt: new Date().toISOString(),
          closesAt: new Date(Date.now() + 600_000).toISOString(),
        },
        alice,
      );
      await first.propose(proposal);
      const { proposalId } = proposal;
      const ballot = await signBallot(
        { clusterId, proposalId, proposalDigest: proposalDigest(proposal), choice: 'for', castAt: new Date() },
        alice,
      );

      expect(await voteAndDie(ballot, point)).toEqual(['reached']);
      const expelled = { ballots: 1, state: 'expelled', epoch: 2 };
      expect(await recounted()).toEqual(committed ? expelled : { ballots: 0, state: 'admitted', epoch: 1 });

      // Another instance takes the same vote: nobody waits for a lock of the dead, and it counts once.
      const again = newEngine();
      expect(await again.vote(ballot)).toMatchObject({ state: 'passed', membership: { nodeId, state: 'expelled' } });
      expect(await first.vote(ballot)).toEqual(await again.vote(ballot));
      expect(await recounted()).toEqual(expelled);

      // What the vote decided is announced all the same, once.
      await relay.start();
      await eventually(() => expect(announced.map(({ state }) => state)).toEqual(['admitted', 'expelled']));
    },
    30_000,
  );
});
