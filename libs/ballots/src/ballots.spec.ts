import { generateSigil, type Sigil, signDocument } from '#sigil';
import { MemoryGovernance } from '#testing';
import { longestVoteMs, signBallot, signedWithinMs } from './index.js';

const clusterId = 'c'.repeat(43);
const newNode = (n: number) => Buffer.alloc(32, n).toString('base64url');
const refusal = (code: string) => expect.objectContaining({ code });

describe('ballots', () => {
  let at: number;
  let alice: Sigil;
  let bob: Sigil;
  let carol: Sigil;
  let governance: MemoryGovernance;
  const node = newNode(1);

  /** Three operators, and a node that Bob brought. */
  beforeEach(async () => {
    at = Date.parse('2026-11-21T10:00:00Z');
    [alice, bob, carol] = (await Promise.all([1, 2, 3].map(() => generateSigil('operator')))) as [Sigil, Sigil, Sigil];
    governance = await MemoryGovernance.begin(clusterId, alice, () => new Date(at));
    await governance.welcome([alice], bob);
    await governance.welcome([alice, bob], carol);
    await governance.admit(node, bob.thumbprint);
  });

  const states = () => [...governance.count.memberships.values()].map(({ membership }) => membership.state);
  const unchanged = async (attempt: Promise<unknown>, code: string) => {
    const before = JSON.stringify([governance.entries, ...governance.count.memberships, ...governance.count.operators]);
    await expect(attempt).rejects.toEqual(refusal(code));
    const after = JSON.stringify([governance.entries, ...governance.count.memberships, ...governance.count.operators]);
    expect(after).toBe(before);
  };

  it('decide at once where there is one operator', async () => {
    const alone = await MemoryGovernance.begin(clusterId, alice);
    await alone.admit(node, alice.thumbprint);
    const tally = await alone.decide([alice], 'node-exclude', node);
    expect(tally).toMatchObject({ state: 'passed', needed: 1, membership: { state: 'expelled', epoch: 2 } });
  });

  it('of three operators: one changes nothing, two do', async () => {
    const proposal = await governance.proposal(alice, 'node-exclude', node);
    expect(await governance.propose(proposal)).toMatchObject({ state: 'open', needed: 2, for: 0 });
    expect(await governance.vote(await governance.ballot(alice, proposal))).toMatchObject({ state: 'open', for: 1 });
    expect(states()).toEqual(['admitted']);
    const passed = await governance.vote(await governance.ballot(carol, proposal));
    expect(passed).toMatchObject({
      state: 'passed',
      for: 2,
      membership: { state: 'expelled', epoch: 2, reason: 'because' },
    });
    expect(states()).toEqual(['expelled']);
  });

  it('reject as soon as no majority can come any more', async () => {
    const proposal = await governance.proposal(alice, 'node-exclude', node);
    await governance.propose(proposal);
    expect(await governance.vote(await governance.ballot(bob, proposal, 'against'))).toMatchObject({ state: 'open' });
    const tally = await governance.vote(await governance.ballot(carol, proposal, 'against'));
    expect(tally).toMatchObject({ state: 'rejected', for: 0, against: 2 });
    expect(states()).toEqual(['admitted']);
    await unchanged(governance.vote(await governance.ballot(alice, proposal)), 'proposal_closed');
  });

  it('count by the list frozen at the opening, whoever came or went since', async () => {
    const proposal = await governance.proposal(alice, 'node-exclude', node);
    await governance.propose(proposal);
    const dave = await generateSigil('operator');
    await governance.welcome([alice, bob], dave);
    await unchanged(governance.vote(await governance.ballot(dave, proposal)), 'role_missing');
    await governance.vote(await governance.ballot(carol, proposal));
    await governance.decide([alice, bob, dave], 'operator-remove', carol.thumbprint);
    // Carol's ballot was cast while she had a vote.
    expect(await governance.vote(await governance.ballot(alice, proposal))).toMatchObject({
      state: 'passed',
      needed: 2,
    });
  });

  it('vote an operator out: their later votes count nowhere, their nodes stay until they are voted on', async () => {
    const open = await governance.proposal(alice, 'node-exclude', node);
    await governance.propose(open);
    const tally = await governance.decide([alice, carol], 'operator-remove', bob.thumbprint);
    expect(tally.operators).toEqual([alice.thumbprint, carol.thumbprint].sort());
    await unchanged(governance.vote(await governance.ballot(bob, open)), 'role_missing');
    await unchanged(governance.propose(await governance.proposal(bob, 'node-exclude', node)), 'role_missing');
    await unchanged(governance.admit(newNode(2), bob.thumbprint), 'role_missing');
    expect(states()).toEqual(['admitted']);
  });

  it('let an operator vote for their own removal, by the frozen list', async () => {
    const proposal = await governance.proposal(bob, 'operator-remove', bob.thumbprint);
    await governance.propose(proposal);
    const own = await governance.ballot(bob, proposal);
    expect(await governance.vote(own)).toMatchObject({ state: 'open', for: 1, needed: 2 });
    const passed = await governance.vote(await governance.ballot(alice, proposal));
    expect(passed.state).toBe('passed');
    // The answer to his ballot was lost on the way: asked again, he hears it, though he is an operator no more.
    expect(await governance.vote(own)).toMatchObject({ state: 'open', for: 1 });
  });

  it('leave the last operator in place, also where two removals meet', async () => {
    await governance.decide([alice, bob], 'operator-remove', carol.thumbprint);
    const [first, second] = [
      await governance.proposal(alice, 'operator-remove', alice.thumbprint),
      await governance.proposal(alice, 'operator-remove', bob.thumbprint),
    ];
    await governance.propose(first);
    await governance.propose(second);
    for (const each of [first, second]) await governance.vote(await governance.ballot(alice, each));
    await governance.vote(await governance.ballot(bob, first));
    await unchanged(governance.vote(await governance.ballot(bob, second)), 'last_operator');
    await unchanged(
      governance.propose(await governance.proposal(bob, 'operator-remove', bob.thumbprint)),
      'last_operator',
    );
    expect([...governance.count.operators.keys()]).toEqual([bob.thumbprint]);
  });

  it('answer a repeated vote by its first outcome, and refuse another choice', async () => {
    const proposal = await governance.proposal(alice, 'node-exclude', node);
    const opened = await governance.propose(proposal);
    const first = await governance.ballot(alice, proposal);
    const outcome = await governance.vote(first);
    await governance.vote(await governance.ballot(carol, proposal));
    const before = governance.entries.length;
    at += 1_000;
    expect(await governance.vote(first)).toEqual(outcome);
    expect(await governance.vote(await governance.ballot(alice, proposal))).toEqual(outcome);
    expect(await governance.propose(proposal)).toEqual(opened);
    expect(governance.entries).toHaveLength(before);
    await unchanged(governance.vote(await governance.ballot(alice, proposal, 'against')), 'ballot_conflict');
  });

  it('void what else was open on a node once it is decided', async () => {
    const pause = await governance.proposal(alice, 'node-pause', node);
    await governance.propose(pause);
    await governance.vote(await governance.ballot(alice, pause));
    await governance.decide([alice, carol], 'node-exclude', node);
    await unchanged(governance.vote(await governance.ballot(carol, pause)), 'proposal_closed');
    const counted = governance.count.proposals.get(pause.proposalId);
    expect(counted?.tally.state).toBe('superseded');
    expect(states()).toEqual(['expelled']);
  });

  it('let a node’s own operator pause it alone and take that back, and nobody else do so', async () => {
    const alone = { operators: [bob.thumbprint] };
    await unchanged(
      governance.propose(await governance.proposal(alice, 'node-pause', node, { operators: [alice.thumbprint] })),
      'conflict',
    );
    expect(await governance.decide([bob], 'node-pause', node, alone)).toMatchObject({ state: 'passed', needed: 1 });
    await unchanged(governance.propose(await governance.proposal(alice, 'node-readmit', node)), 'conflict');
    expect(await governance.decide([bob], 'node-readmit', node, alone)).toMatchObject({ state: 'passed' });
    await governance.decide([alice, carol], 'node-pause', node);
    await unchanged(governance.propose(await governance.proposal(bob, 'node-readmit', node, alone)), 'conflict');
    expect(states()).toEqual(['paused']);
  });

  it('are not dodged by an owner who pauses and resumes', async () => {
    const proposal = await governance.proposal(alice, 'node-exclude', node);
    await governance.propose(proposal);
    await governance.vote(await governance.ballot(alice, proposal));
    await governance.decide([bob], 'node-pause', node, { operators: [bob.thumbprint] });
    const resume = await governance.proposal(bob, 'node-readmit', node, { operators: [bob.thumbprint] });
    await governance.propose(resume);
    expect(await governance.vote(await governance.ballot(carol, proposal))).toMatchObject({ state: 'passed' });
    await unchanged(governance.vote(await governance.ballot(bob, resume)), 'proposal_closed');
    expect(states()).toEqual(['expelled']);
  });

  it('let a node back in by a vote and by nothing else', async () => {
    await governance.decide([alice, carol], 'node-exclude', node);
    expect(await governance.admit(node, bob.thumbprint)).toMatchObject({ state: 'expelled' });
    await unchanged(governance.propose(await governance.proposal(alice, 'node-exclude', node)), 'conflict');
    await unchanged(governance.propose(await governance.proposal(alice, 'node-pause', node)), 'conflict');
    await governance.decide([alice, carol], 'node-readmit', node);
    expect(await governance.admit(node, bob.thumbprint)).toMatchObject({ state: 'admitted', epoch: 3 });
  });

  describe('refuse, and change nothing:', () => {
    const opened = async () => {
      const proposal = await governance.proposal(alice, 'node-exclude', node);
      await governance.propose(proposal);
      return proposal;
    };

    it('a ballot of a stranger, and one of a stranger in an operator’s name', async () => {
      const proposal = await opened();
      const stranger = await generateSigil('operator');
      await unchanged(governance.vote(await governance.ballot(stranger, proposal)), 'role_missing');
      const forged = { ...(await governance.ballot(stranger, proposal)), operatorId: bob.thumbprint };
      await unchanged(governance.vote(forged), 'signature_invalid');
    });

    it('a ballot for another cluster', async () => {
      const proposal = await opened();
      const elsewhere = await governance.ballot(bob, proposal, 'for', 'd'.repeat(43));
      await unchanged(governance.vote(elsewhere), 'signature_invalid');
    });

    it('a ballot for a proposal that is not there, and one for another text of it', async () => {
      const proposal = await opened();
      const other = await governance.proposal(alice, 'node-pause', node);
      await unchanged(governance.vote(await governance.ballot(bob, other)), 'proposal_unknown');
      const { proposalId } = proposal;
      const another = await signBallot(
        { clusterId, proposalId, proposalDigest: 'a'.repeat(64), choice: 'for', castAt: new Date(at) },
        bob,
      );
      await unchanged(governance.vote(another), 'conflict');
    });

    it.each(['choice', 'proposalDigest', 'castAt'] as const)('a ballot whose %s was changed', async (member) => {
      const proposal = await opened();
      const ballot = await governance.ballot(bob, proposal);
      const changes = {
        choice: 'against' as const,
        proposalDigest: 'b'.repeat(64),
        castAt: new Date(at + 1).toISOString(),
      };
      await unchanged(governance.vote({ ...ballot, [member]: changes[member] }), 'signature_invalid');
    });

    it('a ballot signed with a key of another purpose, or as another kind of document', async () => {
      const proposal = await opened();
      const asNode: Sigil = {
        purpose: 'node',
        thumbprint: bob.thumbprint,
        publicJwk: bob.publicJwk,
        sign: (bytes) => bob.sign(bytes),
        exportPrivateJwk: () => bob.exportPrivateJwk(),
      };
      await unchanged(governance.vote(await governance.ballot(asNode, proposal)), 'signature_invalid');
      const { signatures: _, ...body } = await governance.ballot(bob, proposal);
      const other = await signDocument(body, bob, { typ: 'watershed/proposal', aud: clusterId });
      await unchanged(governance.vote(other), 'signature_invalid');
    });

    it('a ballot after the end, and one cast before the opening', async () => {
      const proposal = await opened();
      const early = await signBallot(
        {
          clusterId,
          proposalId: proposal.proposalId,
          proposalDigest: governance.count.proposals.get(proposal.proposalId)?.digest ?? '',
          choice: 'for',
          castAt: new Date(at - signedWithinMs - 1),
        },
        bob,
      );
      await unchanged(governance.vote(early), 'invalid_request');
      const ahead = await signBallot(
        {
          clusterId,
          proposalId: proposal.proposalId,
          proposalDigest: governance.count.proposals.get(proposal.proposalId)?.digest ?? '',
          choice: 'for',
          castAt: new Date(at + signedWithinMs + 1),
        },
        bob,
      );
      await unchanged(governance.vote(ahead), 'invalid_request');
      at = Date.parse(proposal.closesAt);
      await unchanged(governance.vote(await governance.ballot(bob, proposal)), 'proposal_closed');
      // The way is free for another one.
      await opened();
    });

    it.each([
      ['node-exclude', 'node_unknown'],
      ['node-pause', 'node_unknown'],
      ['node-readmit', 'node_unknown'],
      ['operator-remove', 'operator_unknown'],
    ] as const)('%s of a subject that is unknown', async (kind, code) => {
      await unchanged(governance.propose(await governance.proposal(alice, kind, newNode(9))), code);
    });

    it('an operator to be added under an id that is not their key’s, or twice, or without a key', async () => {
      const dave = await generateSigil('operator');
      const candidate = { name: 'Dave', key: dave.publicJwk };
      const wrong = await governance.proposal(alice, 'operator-add', newNode(9), { candidate });
      await unchanged(governance.propose(wrong), 'invalid_request');
      const none = await governance.proposal(alice, 'operator-add', dave.thumbprint);
      await unchanged(governance.propose(none), 'invalid_request');
      const key = { ...dave.publicJwk, crv: 'X25519' as const };
      const x = await governance.proposal(alice, 'operator-add', dave.thumbprint, { candidate: { name: 'x', key } });
      await unchanged(governance.propose(x), 'invalid_request');
      const known = { candidate: { name: 'Bob', key: bob.publicJwk } };
      await unchanged(
        governance.propose(await governance.proposal(alice, 'operator-add', bob.thumbprint, known)),
        'conflict',
      );
      const superfluous = await governance.proposal(alice, 'node-exclude', node, { candidate });
      await unchanged(governance.propose(superfluous), 'invalid_request');
    });

    it('a list of voters that is not the operators', async () => {
      const all = [alice, bob, carol].map(({ thumbprint }) => thumbprint).sort();
      const stranger = (await generateSigil('operator')).thumbprint;
      for (const operators of [[alice.thumbprint], all.slice(1), [...all].reverse(), [...all, stranger].sort()]) {
        await unchanged(
          governance.propose(await governance.proposal(alice, 'node-exclude', node, { operators })),
          'conflict',
        );
      }
    });

    it('a proposal for another cluster, signed by nobody here, or changed', async () => {
      const elsewhere = await governance.proposal(alice, 'node-exclude', node, { clusterId: 'd'.repeat(43) });
      await unchanged(governance.propose(elsewhere), 'invalid_request');
      const stranger = await generateSigil('operator');
      await unchanged(governance.propose(await governance.proposal(stranger, 'node-exclude', node)), 'role_missing');
      const proposal = await governance.proposal(alice, 'node-pause', node);
      await unchanged(governance.propose({ ...proposal, kind: 'node-exclude' }), 'signature_invalid');
    });

    it('a second proposal for the same, and another one under the same id', async () => {
      const proposal = await opened();
      await unchanged(governance.propose(await governance.proposal(carol, 'node-exclude', node)), 'conflict');
      const { proposalId } = proposal;
      await unchanged(
        governance.propose(await governance.proposal(alice, 'node-pause', node, { proposalId })),
        'conflict',
      );
    });

    it.each([-signedWithinMs - 1, signedWithinMs + 1])('a proposal signed %d ms from now', async (offsetMs) => {
      const openedAt = new Date(at + offsetMs).toISOString();
      await unchanged(
        governance.propose(await governance.proposal(alice, 'node-exclude', node, { openedAt })),
        'invalid_request',
      );
    });

    it.each([0, -1, longestVoteMs + signedWithinMs + 1])('a vote that closes %d ms from now', async (offsetMs) => {
      const closesAt = new Date(at + offsetMs).toISOString();
      await unchanged(
        governance.propose(await governance.proposal(alice, 'node-exclude', node, { closesAt })),
        'invalid_request',
      );
    });
  });
});
