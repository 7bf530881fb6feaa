import type { LogEntry, Membership } from '#contracts';
import { documentTyp, generateSigil, type Sigil, signDocument } from '#sigil';
import { MemoryGovernance } from '#testing';
import { DecisionCount, hashOf, LogRefusedError } from './index.js';

const clusterId = 'c'.repeat(43);
const node = Buffer.alloc(32, 1).toString('base64url');

/** The same entries from `seq` on with fresh hashes: what someone who owns the database could write. */
function rehashed(entries: readonly LogEntry[]): LogEntry[] {
  const chain: LogEntry[] = [];
  for (const [index, { hash: _, ...entry }] of entries.entries()) {
    const next = { ...entry, seq: index + 1, previousHash: chain.at(-1)?.hash ?? '0'.repeat(64) };
    chain.push({ ...next, hash: hashOf(next) });
  }
  return chain;
}

async function countOf(entries: readonly LogEntry[], genesisId?: string): Promise<DecisionCount> {
  const count = new DecisionCount(clusterId, genesisId);
  for (const entry of entries) await count.take(entry);
  return count;
}

describe('who counts the log again', () => {
  let alice: Sigil;
  let bob: Sigil;
  let carol: Sigil;
  let governance: MemoryGovernance;

  beforeAll(async () => {
    [alice, bob, carol] = (await Promise.all([1, 2, 3].map(() => generateSigil('operator')))) as [Sigil, Sigil, Sigil];
    governance = await MemoryGovernance.begin(clusterId, alice);
    await governance.welcome([alice], bob);
    await governance.welcome([alice, bob], carol);
    await governance.admit(node, carol.thumbprint);
    await governance.decide([alice, bob], 'node-exclude', node);
  });

  const seqOf = (kind: LogEntry['kind'], nth: number) =>
    governance.entries.filter((entry) => entry.kind === kind).at(nth)?.seq ?? -1;
  /** Changes one entry and makes the chain anew: only the signatures and the count can tell. */
  const forged = (seq: number, change: (entry: LogEntry) => Partial<LogEntry> | undefined): LogEntry[] =>
    rehashed(
      governance.entries.flatMap((entry) => {
        if (entry.seq !== seq) return [entry];
        const changed = change(entry);
        return changed ? [{ ...entry, ...changed }] : [];
      }),
    );
  const refusedAt = async (entries: readonly LogEntry[], seq: number, genesisId = alice.thumbprint) => {
    const error: unknown = await countOf(entries, genesisId).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(LogRefusedError);
    expect((error as LogRefusedError).seq).toBe(seq);
  };

  it('comes to the same', async () => {
    const count = await countOf(governance.entries, alice.thumbprint);
    expect(count.memberships.get(node)?.membership.state).toBe('expelled');
    expect([...count.operators.keys()].sort()).toEqual([alice, bob, carol].map((each) => each.thumbprint).sort());
    expect(count.head).toEqual({ seq: governance.entries.length, hash: governance.entries.at(-1)?.hash });
  });

  it('sees another beginning than the genesis', async () => {
    await refusedAt(governance.entries, 1, bob.thumbprint);
  });

  it('sees an operator whom nobody voted in', async () => {
    const mallory = await generateSigil('operator');
    const since = new Date().toISOString();
    const document = {
      type: 'watershed/operator',
      operatorId: mallory.thumbprint,
      name: 'm',
      key: mallory.publicJwk,
      since,
    };
    const first = governance.entries[0] as LogEntry;
    await refusedAt(rehashed([first, { ...first, document }]), 2);
  });

  it('sees a ballot that was left out, by the outcome that then lacks it', async () => {
    const first = seqOf('ballot', -2);
    await refusedAt(
      forged(first, () => undefined),
      first,
    );
  });

  it('sees a choice that was turned round', async () => {
    const seq = seqOf('ballot', -1);
    await refusedAt(
      forged(seq, ({ document }) => ({ document: { ...document, choice: 'against' } })),
      seq,
    );
  });

  it('sees an outcome that the ballots do not come to', async () => {
    const seq = seqOf('ballot', -2);
    const last = governance.entries.at(-1) as LogEntry;
    await refusedAt(
      forged(seq, () => ({ outcome: last.outcome })),
      seq,
    );
  });

  it('sees a frozen list with fewer voters, signed though it is by a real operator', async () => {
    const seq = seqOf('proposal', -1);
    const proposal = await governance.proposal(alice, 'node-exclude', node, { operators: [alice.thumbprint] });
    const document = { ...proposal };
    const outcome = { proposalId: proposal.proposalId, state: 'open', for: 0, against: 0, needed: 1 };
    await refusedAt(forged(seq, () => ({ document, outcome })).slice(0, seq), seq);
  });

  it('sees a membership that was made up', async () => {
    const seq = seqOf('admission', 0);
    await refusedAt(
      forged(seq, ({ outcome }) => ({ outcome: { ...outcome, state: 'paused' } })),
      seq,
    );
  });

  it('sees a vote that was recorded twice, and an entry that is nothing known', async () => {
    const last = governance.entries.at(-2) as LogEntry;
    await refusedAt(rehashed([...governance.entries, last]), governance.entries.length + 1);
    const seq = seqOf('proposal', 0);
    await refusedAt(
      forged(seq, () => ({ document: { type: 'watershed/nothing' } })),
      seq,
    );
  });

  it('sees a chain that is broken, swapped or begins in the middle', async () => {
    const [one, two, three] = governance.entries as [LogEntry, LogEntry, LogEntry];
    await refusedAt([one, { ...two, recordedAt: new Date(0).toISOString() }], 2);
    await refusedAt([one, three], 3);
    await refusedAt([two], 2);
  });

  it('sees a genesis whose key is not that of its operator', async () => {
    await refusedAt(
      forged(1, ({ document }) => ({ document: { ...document, key: bob.publicJwk } })),
      1,
    );
  });

  it('sees a node that was voted out and written in again', async () => {
    const again = governance.entries[seqOf('admission', 0) - 1] as LogEntry;
    await refusedAt(rehashed([...governance.entries, again]), governance.entries.length + 1);
  });

  it('goes on from an entry that was refused as if it had not come', async () => {
    const count = new DecisionCount(clusterId, alice.thumbprint);
    const [one, two] = governance.entries as [LogEntry, LogEntry];
    await count.take(one);
    await expect(count.take({ ...two, kind: 'ballot' })).rejects.toBeInstanceOf(LogRefusedError);
    for (const entry of governance.entries.slice(1)) await count.take(entry);
    expect(count.head.seq).toBe(governance.entries.length);
  });

  describe('a log from before there were ballots', () => {
    const decision = async (signer: Sigil) => {
      const body = {
        type: 'watershed/membership-decision' as const,
        decisionId: '0198c1a4-2f66-7c3e-9d53-7e6a5b1f4c20',
        nodeId: node,
        state: 'expelled' as const,
        reason: 'it lied',
        decidedAt: new Date().toISOString(),
        operatorId: signer.thumbprint,
      };
      const document = await signDocument(body, signer, { typ: documentTyp.membershipDecision });
      const outcome = {
        nodeId: node,
        operatorId: alice.thumbprint,
        state: 'expelled',
        reason: 'it lied',
        epoch: 2,
        decidedAt: new Date().toISOString(),
        decidedBy: signer.thumbprint,
      };
      return { kind: 'decision' as const, document: { ...document }, outcome, recordedAt: new Date().toISOString() };
    };
    const withDecision = async (before: MemoryGovernance, signer: Sigil) =>
      rehashed([...before.entries, { ...(before.entries[0] as LogEntry), ...(await decision(signer)) }]);

    it('holds as long as there was one operator, and it was they who signed', async () => {
      const old = await MemoryGovernance.begin(clusterId, alice);
      await old.admit(node, alice.thumbprint);
      const count = await countOf(await withDecision(old, alice), alice.thumbprint);
      expect(count.memberships.get(node)?.membership).toMatchObject({ state: 'expelled', epoch: 2 });
      await refusedAt(await withDecision(old, bob), 3);
      await old.welcome([alice], bob);
      await refusedAt(await withDecision(old, alice), 5);
    });

    it('counts a decision once: one that was signed long ago cannot be played again', async () => {
      const old = await MemoryGovernance.begin(clusterId, alice);
      await old.admit(node, alice.thumbprint);
      const log = await withDecision(old, alice);
      const again = log.at(-1) as LogEntry;
      const outcome = { ...(again.outcome as Membership), epoch: 3 };
      await refusedAt(rehashed([...log, { ...again, outcome }]), 4);
    });
  });
});
