import { uuidv7 } from 'uuidv7';
import { DecisionCount, inOrder, proposalDigest, signBallot, signProposal } from '#ballots';
import {
  type BallotChoice,
  type Membership,
  membership,
  type Proposal,
  type ProposalKind,
  type Tally,
} from '#contracts';
import { appSchemaDiff, type Database, OutboxRelay, openDatabase } from '#persistence';
import { documentTyp, generateSigil, type Sigil, signDocument } from '#sigil';
import { eventually, RacePoints, type TestDatabase, testDatabase } from '#testing';
import type { AccessPort } from '../access/engine/access.ports.js';
import { deliverAnnouncements } from './announcements.js';
import type { GovernanceStore } from './engine/governance.ports.js';
import { GovernanceEngine } from './engine/governance-engine.js';
import { GovernanceRepository } from './governance.repository.js';

const clusterId = 'c'.repeat(43);
const newNodeId = () => Buffer.from(uuidv7().replaceAll('-', '').padEnd(64, '0'), 'hex').toString('base64url');

/** Takes logins as told: not at all, until the test opens the way. */
class RecordingAccess implements AccessPort {
  readonly calls: string[] = [];
  reachable = true;
  async revoke(nodeId: string): Promise<void> {
    this.calls.push(`${this.reachable ? 'revoked' : 'failed'} ${nodeId}`);
    if (!this.reachable) throw new Error('Postgres is away');
  }
  async restore(nodeId: string): Promise<void> {
    this.calls.push(`restored ${nodeId}`);
  }
}

describe('governance', () => {
  let template: TestDatabase;
  let database: Database;
  let store: GovernanceRepository;
  let engine: GovernanceEngine;
  let relay: OutboxRelay;
  let alice: Sigil;
  let bob: Sigil;
  let carol: Sigil;
  const access = new RecordingAccess();
  const announced: { membership: Membership; at: number }[] = [];
  const grown: number[] = [];

  const newRelay = (deliver: AccessPort) => {
    const delivering = deliverAnnouncements({
      store,
      access: deliver,
      bus: {
        broadcast: async (broadcast, payload) => {
          if (broadcast.name === 'membership-changed') {
            const changed = membership.parse((payload as { membership: unknown }).membership);
            announced.push({ membership: changed, at: performance.now() });
          } else grown.push((payload as { seq: number }).seq);
        },
      },
    });
    return new OutboxRelay({
      pool: database.pool,
      app: 'governance',
      deliver: delivering,
      backoffMs: 20,
      claimMs: 500,
    });
  };
  const newEngine = (over: GovernanceStore = store) =>
    new GovernanceEngine({ store: over, clusterId, now: () => new Date(), onChanged: () => relay.wake() });

  beforeEach(async () => {
    template = await testDatabase();
    database = await openDatabase({ url: template.urlFor('governance'), applicationName: 'governance-test' });
    store = new GovernanceRepository(database);
    relay = newRelay(access);
    engine = newEngine();
    [alice, bob, carol] = (await Promise.all([1, 2, 3].map(() => generateSigil('operator')))) as [Sigil, Sigil, Sigil];
    await engine.begin({ key: alice.publicJwk, name: 'genesis' });
    await relay.start();
    announced.splice(0);
    grown.splice(0);
    access.calls.splice(0);
    access.reachable = true;
  });
  afterEach(async () => {
    await countAnew();
    await relay.close();
    await database.close();
    await template.close();
  });

  /** Whatever a test did, its log counts, and comes to what the tables say. */
  async function countAnew(): Promise<void> {
    const count = new DecisionCount(clusterId, alice.thumbprint);
    for (const entry of await store.entriesAfter(0, 10_000)) await count.take(entry);
    const { operators, memberships } = await engine.members();
    expect(operators.map(({ operatorId }) => operatorId).sort()).toEqual([...count.operators.keys()].sort());
    const counted = [...count.memberships.values()].map((each) => each.membership);
    expect(memberships).toEqual(counted.sort((one, other) => (one.nodeId < other.nodeId ? -1 : 1)));
  }

  const newNode = async (operator: Sigil = alice) => {
    const nodeId = newNodeId();
    await engine.admit(nodeId, operator.thumbprint);
    return nodeId;
  };
  const proposalOf = async (
    opener: Sigil,
    kind: ProposalKind,
    subject: string,
    over: Partial<Proposal> = {},
  ): Promise<Proposal> => {
    const { operators } = await engine.members();
    return signProposal(
      {
        proposalId: uuidv7(),
        clusterId,
        kind,
        subject,
        reason: 'because',
        operators: inOrder(operators.map(({ operatorId }) => operatorId)),
        openedAt: new Date().toISOString(),
        closesAt: new Date(Date.now() + 60_000).toISOString(),
        ...over,
      },
      opener,
    );
  };
  const ballotOf = (voter: Sigil, on: Proposal, choice: BallotChoice = 'for') =>
    signBallot(
      { clusterId, proposalId: on.proposalId, proposalDigest: proposalDigest(on), choice, castAt: new Date() },
      voter,
    );
  const decide = async (
    voters: [Sigil, ...Sigil[]],
    kind: ProposalKind,
    subject: string,
    over: Partial<Proposal> = {},
  ): Promise<Tally> => {
    const proposal = await proposalOf(voters[0], kind, subject, over);
    let tally = await engine.propose(proposal);
    for (const voter of voters) tally = await engine.vote(await ballotOf(voter, proposal));
    return tally;
  };
  const welcome = (voters: [Sigil, ...Sigil[]], candidate: Sigil) =>
    decide(voters, 'operator-add', candidate.thumbprint, { candidate: { name: 'another', key: candidate.publicJwk } });
  const threeOperators = async () => {
    await welcome([alice], bob);
    await welcome([alice, bob], carol);
  };
  const stateOf = async (nodeId: string) => (await store.membership(nodeId))?.state;

  it('has the genesis operator as its first and only one, however often and by however many it begins', async () => {
    const stranger = await generateSigil('operator');
    const begun = await Promise.all([1, 2, 3].map(() => newEngine().begin({ key: stranger.publicJwk, name: 'late' })));
    expect(begun).toEqual([false, false, false]);
    const { operators } = await engine.members();
    expect(operators).toMatchObject([{ operatorId: alice.thumbprint, name: 'genesis', key: alice.publicJwk }]);
  });

  it('does not begin over a log that someone has rewritten', async () => {
    const tampered: GovernanceStore = Object.create(store, {
      entriesAfter: {
        value: async (seq: number, limit: number) =>
          (await store.entriesAfter(seq, limit)).map((entry) => ({ ...entry, document: { type: 'watershed/forged' } })),
      },
    });
    const late = newEngine(tampered);
    await expect(late.begin({ key: alice.publicJwk, name: 'genesis' })).rejects.toMatchObject({ code: 'internal' });
  });

  it('admits a node at the first question, once, whoever asks at once', async () => {
    const nodeId = newNodeId();
    const engines = [engine, newEngine()];
    const answers = await Promise.all(
      [0, 1, 0, 1].map((n) => (engines[n] as GovernanceEngine).admit(nodeId, alice.thumbprint)),
    );
    expect(new Set(answers.map((each) => JSON.stringify(each))).size).toBe(1);
    expect(answers[0]).toMatchObject({ nodeId, state: 'admitted', epoch: 1, decidedBy: alice.thumbprint });
  });

  it('admits nobody that a stranger brings, nor a node under another operator', async () => {
    const stranger = await generateSigil('operator');
    await expect(engine.admit(newNodeId(), stranger.thumbprint)).rejects.toMatchObject({ code: 'role_missing' });
    const nodeId = await newNode();
    await expect(engine.admit(nodeId, stranger.thumbprint)).rejects.toMatchObject({ code: 'conflict' });
  });

  it('with one operator decides at once: pauses, admits again and expels with rising epochs', async () => {
    const nodeId = await newNode();
    for (const [index, [kind, state]] of (
      [
        ['node-pause', 'paused'],
        ['node-readmit', 'admitted'],
        ['node-exclude', 'expelled'],
      ] as const
    ).entries()) {
      const { membership: changed } = await decide([alice], kind, nodeId);
      expect(changed).toMatchObject({ state, epoch: index + 2, reason: 'because' });
    }
    expect(await engine.admit(nodeId, alice.thumbprint)).toMatchObject({ state: 'expelled', epoch: 4 });
    await expect(engine.mustNotBeExpelled(nodeId)).rejects.toMatchObject({ code: 'node_expelled' });
    await decide([alice], 'node-readmit', nodeId);
    await engine.mustNotBeExpelled(nodeId);
  });

  it('with three operators: one changes nothing, two do, and a removed one has no vote', async () => {
    await threeOperators();
    const nodeId = await newNode(carol);
    const proposal = await proposalOf(alice, 'node-exclude', nodeId);
    await engine.propose(proposal);
    expect(await engine.vote(await ballotOf(alice, proposal))).toMatchObject({ state: 'open', for: 1, needed: 2 });
    expect(await stateOf(nodeId)).toBe('admitted');
    expect(await engine.vote(await ballotOf(bob, proposal))).toMatchObject({ state: 'passed', for: 2 });
    expect(await stateOf(nodeId)).toBe('expelled');
    expect(await decide([alice, bob], 'operator-remove', carol.thumbprint)).toMatchObject({ state: 'passed' });
    const again = await proposalOf(alice, 'node-readmit', nodeId);
    await engine.propose(again);
    await expect(engine.vote(await ballotOf(carol, again))).rejects.toMatchObject({ code: 'role_missing' });
    await expect(engine.admit(newNodeId(), carol.thumbprint)).rejects.toMatchObject({ code: 'role_missing' });
  });

  it('comes to one outcome where two instances take votes at once', async () => {
    await threeOperators();
    const other = newEngine();
    for (let round = 0; round < 5; round += 1) {
      const nodeId = await newNode();
      const proposal = await proposalOf(alice, 'node-exclude', nodeId);
      await Promise.all([engine.propose(proposal), other.propose(proposal)]);
      const ballots = await Promise.all([alice, bob, carol].map((voter) => ballotOf(voter, proposal)));
      const votes = ballots.flatMap((ballot) => [engine.vote(ballot), other.vote(ballot)]);
      const settled = await Promise.allSettled(votes);
      const states = settled.map((each) => (each.status === 'fulfilled' ? each.value.state : each.reason.code));
      // Each ballot twice: the first, the one that decides, the one that comes too late.
      expect(states.sort()).toEqual(['open', 'open', 'passed', 'passed', 'proposal_closed', 'proposal_closed']);
      expect(await store.membership(nodeId)).toMatchObject({ state: 'expelled', epoch: 2 });
    }
  });

  it('judges a vote on the whole log, also where another instance decided a moment before', async () => {
    await threeOperators();
    const race = new RacePoints();
    const held = newEngine(
      Object.create(store, {
        append: {
          value: async (...args: Parameters<GovernanceStore['append']>) => {
            await race.reached('before the lock');
            return store.append(...args);
          },
        },
      }),
    );
    const proposal = await proposalOf(alice, 'operator-remove', bob.thumbprint);
    await engine.propose(proposal);
    await engine.vote(await ballotOf(carol, proposal));
    const nodeId = await newNode();
    const exclude = await proposalOf(alice, 'node-exclude', nodeId);
    await engine.propose(exclude);
    const gate = race.hold('before the lock');
    const late = held.vote(await ballotOf(bob, exclude));
    await gate.arrived();
    await engine.vote(await ballotOf(alice, proposal));
    gate.release();
    await expect(late).rejects.toMatchObject({ code: 'role_missing' });
  });

  it('answers a repeated proposal and ballot with the first outcome, also after later ones and a restart', async () => {
    const nodeId = await newNode();
    const pause = await proposalOf(alice, 'node-pause', nodeId);
    const opened = await Promise.all([1, 2, 3].map(() => engine.propose(pause)));
    const ballot = await ballotOf(alice, pause);
    const outcomes = await Promise.all([1, 2, 3].map(() => engine.vote(ballot)));
    expect(new Set([...opened].map((each) => JSON.stringify(each))).size).toBe(1);
    expect(new Set(outcomes.map((each) => JSON.stringify(each))).size).toBe(1);
    await decide([alice], 'node-exclude', nodeId);
    const restarted = newEngine();
    expect(await restarted.propose(pause)).toEqual(opened[0]);
    expect(await restarted.vote(ballot)).toEqual(outcomes[0]);
    expect(await store.membership(nodeId)).toMatchObject({ state: 'expelled', epoch: 3 });
  });

  it('writes nothing of what it refuses', async () => {
    await threeOperators();
    const nodeId = await newNode();
    const proposal = await proposalOf(alice, 'node-exclude', nodeId);
    await engine.propose(proposal);
    await engine.vote(await ballotOf(alice, proposal));
    const before = await store.head();
    const stranger = await generateSigil('operator');
    const { signatures: _, ...body } = await ballotOf(bob, proposal);
    const refused: [Promise<unknown>, string][] = [
      [engine.vote(await ballotOf(stranger, proposal)), 'role_missing'],
      [engine.vote(await ballotOf(alice, proposal, 'against')), 'ballot_conflict'],
      [
        engine.vote(await signDocument(body, bob, { typ: documentTyp.ballot, aud: 'd'.repeat(43) })),
        'signature_invalid',
      ],
      [engine.vote(await ballotOf(bob, await proposalOf(bob, 'node-pause', nodeId))), 'proposal_unknown'],
      [engine.propose(await proposalOf(bob, 'node-exclude', newNodeId())), 'node_unknown'],
      [engine.propose(await proposalOf(bob, 'operator-remove', newNodeId())), 'operator_unknown'],
      [engine.propose(await proposalOf(bob, 'node-exclude', nodeId)), 'conflict'],
      [engine.vote(await ballotOf(bob, proposal), [nodeId]), 'conflict'],
      [engine.proposal(uuidv7()), 'proposal_unknown'],
      [engine.proposals({ limit: 3, cursor: 'nonsense' }), 'cursor_invalid'],
    ];
    for (const [attempt, code] of refused) await expect(attempt).rejects.toMatchObject({ code });
    expect(await store.head()).toEqual(before);
  });

  it('announces every change in order, within 100 ms of its answer, and every entry of the log', async () => {
    const nodeId = await newNode();
    await decide([alice], 'node-pause', nodeId);
    await decide([alice], 'node-exclude', nodeId);
    const answeredAt = performance.now();
    await eventually(() => announced.length >= 3, { timeoutMs: 3_000, intervalMs: 2 });
    expect(announced.map((each) => each.membership.epoch)).toEqual([1, 2, 3]);
    expect((announced.at(-1)?.at ?? Number.POSITIVE_INFINITY) - answeredAt).toBeLessThan(100);
    const { seq } = await store.head();
    await eventually(() => expect(grown.at(-1)).toBe(seq));
  });

  it('takes an expelled node’s logins, again until it has them, and hands them back by a vote alone', async () => {
    const nodeId = await newNode();
    await decide([alice], 'node-pause', nodeId);
    access.reachable = false;
    await decide([alice], 'node-exclude', nodeId);
    await eventually(() => expect(access.calls).toContain(`failed ${nodeId}`));
    access.reachable = true;
    await eventually(() => expect(access.calls.at(-1)).toBe(`revoked ${nodeId}`));
    await decide([alice], 'node-readmit', nodeId);
    await eventually(() => expect(access.calls.at(-1)).toBe(`restored ${nodeId}`));
  });

  it('carries an expulsion on where the process died before the logins were gone', async () => {
    const nodeId = await newNode();
    const hung = new RacePoints();
    const dying = hung.hold('revoke');
    await relay.close();
    relay = newRelay({ revoke: () => hung.reached('revoke'), restore: async () => undefined });
    await relay.start();
    await decide([alice], 'node-exclude', nodeId);
    await dying.arrived();
    // The first relay never answers again, as after a kill -9; its claim has lapsed, and the next one takes over.
    await database.pool.query('UPDATE governance.outbox_cursor SET claim = NULL, claimed_until = NULL');
    const dead = relay;
    relay = newRelay(access);
    await relay.start();
    await eventually(() => expect(access.calls).toEqual([`revoked ${nodeId}`]), { timeoutMs: 8_000 });
    hung.releaseAll();
    await dead.close();
  });

  it('pages through its proposals, newest first, and through its log, oldest first', async () => {
    const nodeId = await newNode();
    const made: string[] = [];
    for (let n = 0; n < 5; n += 1) {
      made.unshift((await decide([alice], n % 2 ? 'node-readmit' : 'node-pause', nodeId)).proposalId);
    }
    const first = await engine.proposals({ limit: 3 });
    const second = await engine.proposals({ limit: 2, cursor: first.nextCursor });
    expect([...first.items, ...second.items].map(({ proposal }) => proposal.proposalId)).toEqual(made);
    expect(second.nextCursor).toBeUndefined();
    expect(first.items[0]).toMatchObject({ tally: { state: 'passed' }, ballots: [{ operatorId: alice.thumbprint }] });
    expect(await engine.proposal(made[0] ?? '')).toEqual(first.items[0]);
    const head = await store.head();
    expect((await engine.log(0, 3)).entries.map(({ seq }) => seq)).toEqual([1, 2, 3]);
    expect(await engine.log(head.seq - 1, 10)).toMatchObject({ entries: [{ seq: head.seq, hash: head.hash }], head });
    expect(await engine.log(head.seq, 10)).toEqual({ entries: [], head });
  });

  it('shows a vote whose time is over as expired', async () => {
    await threeOperators();
    const nodeId = await newNode();
    const proposal = await proposalOf(alice, 'node-exclude', nodeId);
    await engine.propose(proposal);
    const later = new GovernanceEngine({
      store,
      clusterId,
      now: () => new Date(proposal.closesAt),
      onChanged: () => undefined,
    });
    expect((await later.proposal(proposal.proposalId)).tally.state).toBe('expired');
    expect((await engine.proposal(proposal.proposalId)).tally.state).toBe('open');
  });

  it.each([
    ['a decision rewritten', "UPDATE governance.log SET document = '{}'"],
    ['a decision deleted', 'DELETE FROM governance.log'],
    [
      'a gap in the log',
      `INSERT INTO governance.log (seq, kind, document, previous_hash, hash, recorded_at)
      VALUES (99999, 'admission', '{}', repeat('0', 64), repeat('1', 64), now())`,
    ],
    ['an epoch taken back', 'UPDATE governance.membership SET epoch = epoch - 1'],
    ['a membership forgotten', 'DELETE FROM governance.membership'],
    ['its last operator gone', 'DELETE FROM governance.operator'],
  ])('keeps by the database itself from %s', async (_, statement) => {
    await newNode();
    await expect(database.pool.query(statement)).rejects.toMatchObject({ code: '23514' });
  });

  it('keeps by the database itself from a second vote by one operator', async () => {
    const nodeId = await newNode();
    await decide([alice], 'node-pause', nodeId);
    const { rows } = await database.pool.query("SELECT * FROM governance.log WHERE kind = 'ballot'");
    const head = await store.head();
    const again = database.pool.query(
      `INSERT INTO governance.log (seq, kind, proposal_id, voter_id, document, previous_hash, hash, recorded_at)
       VALUES ($1, 'ballot', $2, $3, '{}', $4, repeat('1', 64), now())`,
      [head.seq + 1, rows[0].proposal_id, rows[0].voter_id, head.hash],
    );
    await expect(again).rejects.toMatchObject({ code: '23505' });
  });

  it('has in its migration what the Prisma schema says', async () => {
    expect(await appSchemaDiff(template.adminUrl, 'governance')).toBe('');
  });
});
