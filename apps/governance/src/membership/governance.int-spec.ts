import { uuidv7 } from 'uuidv7';
import { appSchemaDiff } from '#persistence';
import { documentTyp, generateSigil, type Sigil, signDocument } from '#sigil';
import { RacePoints } from '#testing';
import type { GovernanceStore } from './engine/governance.ports.js';
import { GovernanceEngine } from './engine/governance-engine.js';
import { clusterId, GovernanceStand, newNodeId } from './governance-stand.fixture.js';

describe('governance', () => {
  let stand: GovernanceStand;
  let alice: Sigil;
  let bob: Sigil;
  let carol: Sigil;

  beforeEach(async () => {
    stand = await GovernanceStand.open();
    [alice, bob, carol] = stand.operators;
  });
  afterEach(async () => {
    await stand.countAnew();
    await stand.close();
  });

  it('has the genesis operator as its first and only one, however often and by however many it begins', async () => {
    const stranger = await generateSigil('operator');
    const begun = await Promise.all(
      [1, 2, 3].map(() => stand.newEngine().begin({ key: stranger.publicJwk, name: 'late' })),
    );
    expect(begun).toEqual([false, false, false]);
    const { operators } = await stand.engine.members();
    expect(operators).toMatchObject([{ operatorId: alice.thumbprint, name: 'genesis', key: alice.publicJwk }]);
  });

  it('does not begin over a log that someone has rewritten', async () => {
    const tampered: GovernanceStore = Object.create(stand.store, {
      entriesAfter: {
        value: async (seq: number, limit: number) =>
          (await stand.store.entriesAfter(seq, limit)).map((entry) => ({
            ...entry,
            document: { type: 'watershed/forged' },
          })),
      },
    });
    const late = stand.newEngine(tampered);
    await expect(late.begin({ key: alice.publicJwk, name: 'genesis' })).rejects.toMatchObject({ code: 'internal' });
  });

  it('admits a node at the first question, once, whoever asks at once', async () => {
    const nodeId = newNodeId();
    const engines = [stand.engine, stand.newEngine()];
    const answers = await Promise.all(
      [0, 1, 0, 1].map((n) => (engines[n] as GovernanceEngine).admit(nodeId, alice.thumbprint)),
    );
    expect(new Set(answers.map((each) => JSON.stringify(each))).size).toBe(1);
    expect(answers[0]).toMatchObject({ nodeId, state: 'admitted', epoch: 1, decidedBy: alice.thumbprint });
  });

  it('admits nobody that a stranger brings, nor a node under another operator', async () => {
    const stranger = await generateSigil('operator');
    await expect(stand.engine.admit(newNodeId(), stranger.thumbprint)).rejects.toMatchObject({ code: 'role_missing' });
    const nodeId = await stand.newNode();
    await expect(stand.engine.admit(nodeId, stranger.thumbprint)).rejects.toMatchObject({ code: 'conflict' });
  });

  it('with one operator decides at once: pauses, admits again and expels with rising epochs', async () => {
    const nodeId = await stand.newNode();
    for (const [index, [kind, state]] of (
      [
        ['node-pause', 'paused'],
        ['node-readmit', 'admitted'],
        ['node-exclude', 'expelled'],
      ] as const
    ).entries()) {
      const { membership: changed } = await stand.decide([alice], kind, nodeId);
      expect(changed).toMatchObject({ state, epoch: index + 2, reason: 'because' });
    }
    expect(await stand.engine.admit(nodeId, alice.thumbprint)).toMatchObject({ state: 'expelled', epoch: 4 });
    await expect(stand.engine.mustNotBeExpelled(nodeId)).rejects.toMatchObject({ code: 'node_expelled' });
    await stand.decide([alice], 'node-readmit', nodeId);
    await stand.engine.mustNotBeExpelled(nodeId);
  });

  it('with three operators: one changes nothing, two do, and a removed one has no vote', async () => {
    await stand.threeOperators();
    const nodeId = await stand.newNode(carol);
    const proposal = await stand.proposalOf(alice, 'node-exclude', nodeId);
    await stand.engine.propose(proposal);
    expect(await stand.engine.vote(await stand.ballotOf(alice, proposal))).toMatchObject({
      state: 'open',
      for: 1,
      needed: 2,
    });
    expect(await stand.stateOf(nodeId)).toBe('admitted');
    expect(await stand.engine.vote(await stand.ballotOf(bob, proposal))).toMatchObject({ state: 'passed', for: 2 });
    expect(await stand.stateOf(nodeId)).toBe('expelled');
    expect(await stand.decide([alice, bob], 'operator-remove', carol.thumbprint)).toMatchObject({ state: 'passed' });
    const again = await stand.proposalOf(alice, 'node-readmit', nodeId);
    await stand.engine.propose(again);
    await expect(stand.engine.vote(await stand.ballotOf(carol, again))).rejects.toMatchObject({ code: 'role_missing' });
    await expect(stand.engine.admit(newNodeId(), carol.thumbprint)).rejects.toMatchObject({ code: 'role_missing' });
  });

  it('comes to one outcome where two instances take votes at once', async () => {
    await stand.threeOperators();
    const other = stand.newEngine();
    for (let round = 0; round < 5; round += 1) {
      const nodeId = await stand.newNode();
      const proposal = await stand.proposalOf(alice, 'node-exclude', nodeId);
      await Promise.all([stand.engine.propose(proposal), other.propose(proposal)]);
      const ballots = await Promise.all([alice, bob, carol].map((voter) => stand.ballotOf(voter, proposal)));
      const votes = ballots.flatMap((ballot) => [stand.engine.vote(ballot), other.vote(ballot)]);
      const settled = await Promise.allSettled(votes);
      const states = settled.map((each) => (each.status === 'fulfilled' ? each.value.state : each.reason.code));
      // Each ballot twice: the first, the one that decides, the one that comes too late.
      expect(states.sort()).toEqual(['open', 'open', 'passed', 'passed', 'proposal_closed', 'proposal_closed']);
      expect(await stand.store.membership(nodeId)).toMatchObject({ state: 'expelled', epoch: 2 });
    }
  });

  it('judges a vote on the whole log, also where another instance decided a moment before', async () => {
    await stand.threeOperators();
    const race = new RacePoints();
    const held = stand.newEngine(
      Object.create(stand.store, {
        append: {
          value: async (...args: Parameters<GovernanceStore['append']>) => {
            await race.reached('before the lock');
            return stand.store.append(...args);
          },
        },
      }),
    );
    const proposal = await stand.proposalOf(alice, 'operator-remove', bob.thumbprint);
    await stand.engine.propose(proposal);
    await stand.engine.vote(await stand.ballotOf(carol, proposal));
    const nodeId = await stand.newNode();
    const exclude = await stand.proposalOf(alice, 'node-exclude', nodeId);
    await stand.engine.propose(exclude);
    const gate = race.hold('before the lock');
    const late = held.vote(await stand.ballotOf(bob, exclude));
    await gate.arrived();
    await stand.engine.vote(await stand.ballotOf(alice, proposal));
    gate.release();
    await expect(late).rejects.toMatchObject({ code: 'role_missing' });
  });

  it('answers a repeated proposal and ballot with the first outcome, also after later ones and a restart', async () => {
    const nodeId = await stand.newNode();
    const pause = await stand.proposalOf(alice, 'node-pause', nodeId);
    const opened = await Promise.all([1, 2, 3].map(() => stand.engine.propose(pause)));
    const ballot = await stand.ballotOf(alice, pause);
    const outcomes = await Promise.all([1, 2, 3].map(() => stand.engine.vote(ballot)));
    expect(new Set([...opened].map((each) => JSON.stringify(each))).size).toBe(1);
    expect(new Set(outcomes.map((each) => JSON.stringify(each))).size).toBe(1);
    await stand.decide([alice], 'node-exclude', nodeId);
    const restarted = stand.newEngine();
    expect(await restarted.propose(pause)).toEqual(opened[0]);
    expect(await restarted.vote(ballot)).toEqual(outcomes[0]);
    expect(await stand.store.membership(nodeId)).toMatchObject({ state: 'expelled', epoch: 3 });
  });

  it('writes nothing of what it refuses', async () => {
    await stand.threeOperators();
    const nodeId = await stand.newNode();
    const proposal = await stand.proposalOf(alice, 'node-exclude', nodeId);
    await stand.engine.propose(proposal);
    await stand.engine.vote(await stand.ballotOf(alice, proposal));
    const before = await stand.store.head();
    const stranger = await generateSigil('operator');
    const { signatures: _, ...body } = await stand.ballotOf(bob, proposal);
    const refused: [Promise<unknown>, string][] = [
      [stand.engine.vote(await stand.ballotOf(stranger, proposal)), 'role_missing'],
      [stand.engine.vote(await stand.ballotOf(alice, proposal, 'against')), 'ballot_conflict'],
      [
        stand.engine.vote(await signDocument(body, bob, { typ: documentTyp.ballot, aud: 'd'.repeat(43) })),
        'signature_invalid',
      ],
      [
        stand.engine.vote(await stand.ballotOf(bob, await stand.proposalOf(bob, 'node-pause', nodeId))),
        'proposal_unknown',
      ],
      [stand.engine.propose(await stand.proposalOf(bob, 'node-exclude', newNodeId())), 'node_unknown'],
      [stand.engine.propose(await stand.proposalOf(bob, 'operator-remove', newNodeId())), 'operator_unknown'],
      [stand.engine.propose(await stand.proposalOf(bob, 'node-exclude', nodeId)), 'conflict'],
      [stand.engine.vote(await stand.ballotOf(bob, proposal), [nodeId]), 'conflict'],
      [stand.engine.proposal(uuidv7()), 'proposal_unknown'],
      [stand.engine.proposals({ limit: 3, cursor: 'nonsense' }), 'cursor_invalid'],
    ];
    for (const [attempt, code] of refused) await expect(attempt).rejects.toMatchObject({ code });
    expect(await stand.store.head()).toEqual(before);
  });

  it('pages through its proposals, newest first, and through its log, oldest first', async () => {
    const nodeId = await stand.newNode();
    const made: string[] = [];
    for (let n = 0; n < 5; n += 1) {
      made.unshift((await stand.decide([alice], n % 2 ? 'node-readmit' : 'node-pause', nodeId)).proposalId);
    }
    const first = await stand.engine.proposals({ limit: 3 });
    const second = await stand.engine.proposals({ limit: 2, cursor: first.nextCursor });
    expect([...first.items, ...second.items].map(({ proposal }) => proposal.proposalId)).toEqual(made);
    expect(second.nextCursor).toBeUndefined();
    expect(first.items[0]).toMatchObject({ tally: { state: 'passed' }, ballots: [{ operatorId: alice.thumbprint }] });
    expect(await stand.engine.proposal(made[0] ?? '')).toEqual(first.items[0]);
    const head = await stand.store.head();
    expect((await stand.engine.log(0, 3)).entries.map(({ seq }) => seq)).toEqual([1, 2, 3]);
    expect(await stand.engine.log(head.seq - 1, 10)).toMatchObject({
      entries: [{ seq: head.seq, hash: head.hash }],
      head,
    });
    expect(await stand.engine.log(head.seq, 10)).toEqual({ entries: [], head });
  });

  it('shows a vote whose time is over as expired', async () => {
    await stand.threeOperators();
    const nodeId = await stand.newNode();
    const proposal = await stand.proposalOf(alice, 'node-exclude', nodeId);
    await stand.engine.propose(proposal);
    const later = new GovernanceEngine({
      store: stand.store,
      clusterId,
      now: () => new Date(proposal.closesAt),
      onChanged: () => undefined,
    });
    expect((await later.proposal(proposal.proposalId)).tally.state).toBe('expired');
    expect((await stand.engine.proposal(proposal.proposalId)).tally.state).toBe('open');
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
    await stand.newNode();
    await expect(stand.database.pool.query(statement)).rejects.toMatchObject({ code: '23514' });
  });

  it('keeps by the database itself from a second vote by one operator', async () => {
    const nodeId = await stand.newNode();
    await stand.decide([alice], 'node-pause', nodeId);
    const { rows } = await stand.database.pool.query("SELECT * FROM governance.log WHERE kind = 'ballot'");
    const head = await stand.store.head();
    const again = stand.database.pool.query(
      `INSERT INTO governance.log (seq, kind, proposal_id, voter_id, document, previous_hash, hash, recorded_at)
       VALUES ($1, 'ballot', $2, $3, '{}', $4, repeat('1', 64), now())`,
      [head.seq + 1, rows[0].proposal_id, rows[0].voter_id, head.hash],
    );
    await expect(again).rejects.toMatchObject({ code: '23505' });
  });

  it('has in its migration what the Prisma schema says', async () => {
    expect(await appSchemaDiff(stand.template.adminUrl, 'governance')).toBe('');
  });
});
