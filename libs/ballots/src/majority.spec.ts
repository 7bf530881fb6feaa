import fc from 'fast-check';
import type { BallotChoice } from '#contracts';
import { generateSigil, type Sigil } from '#sigil';
import { MemoryGovernance, propertyLimitMs, propertyRuns } from '#testing';
import { DecisionCount, majorityOf } from './index.js';

const clusterId = 'c'.repeat(43);
const node = 'n'.repeat(42).concat('A');

/** A cluster of these operators, with a node that the first of them brought. */
async function clusterOf(operators: readonly Sigil[]): Promise<MemoryGovernance> {
  const [genesis, ...others] = operators;
  if (!genesis) throw new Error('a cluster has an operator');
  const governance = await MemoryGovernance.begin(clusterId, genesis);
  let members: [Sigil, ...Sigil[]] = [genesis];
  for (const other of others) {
    await governance.welcome(members.slice(0, majorityOf(members.length)) as [Sigil, ...Sigil[]], other);
    members = [...members, other];
  }
  await governance.admit(node, genesis.thumbprint);
  return governance;
}

describe('the majority of a frozen list', () => {
  it('is more than half of it', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), (n) => {
        expect(majorityOf(n) * 2).toBeGreaterThan(n);
        expect((majorityOf(n) - 1) * 2).toBeLessThanOrEqual(n);
      }),
      propertyRuns(200),
    );
  });

  it(
    'decides exactly once whatever the list, the order and the choices, and everyone who counts again agrees',
    async () => {
      const keys = await Promise.all(Array.from({ length: 5 }, () => generateSigil('operator')));
      await fc.assert(
        fc.asyncProperty(
          fc.integer({ min: 1, max: 5 }),
          fc.array(fc.tuple(fc.nat(4), fc.constantFrom<BallotChoice>('for', 'against')), { maxLength: 10 }),
          async (size, votes) => {
            const operators = keys.slice(0, size);
            const governance = await clusterOf(operators);
            const proposal = await governance.proposal(keys[0] as Sigil, 'node-exclude', node);
            await governance.propose(proposal);
            const cast = new Map<string, BallotChoice>();
            const decided: string[] = [];
            for (const [index, choice] of votes) {
              const voter = operators[index % size] as Sigil;
              const first = cast.get(voter.thumbprint);
              const attempt = governance.ballot(voter, proposal, choice).then((ballot) => governance.vote(ballot));
              if (first !== undefined && first !== choice) {
                await expect(attempt).rejects.toMatchObject({ code: 'ballot_conflict' });
              } else if (first === undefined && decided.length > 0) {
                await expect(attempt).rejects.toMatchObject({ code: 'proposal_closed' });
              } else {
                const { state } = await attempt;
                if (first !== undefined) continue;
                cast.set(voter.thumbprint, choice);
                if (state !== 'open') decided.push(state);
              }
            }
            const inFavour = [...cast.values()].filter((choice) => choice === 'for').length;
            const against = cast.size - inFavour;
            // The rule again, in other words: passed by more than half of all, rejected once that cannot come.
            const expected = inFavour * 2 > size ? ['passed'] : (size - against) * 2 <= size ? ['rejected'] : [];
            expect(decided).toEqual(expected);
            const state = governance.count.memberships.get(node)?.membership.state;
            expect(state).toBe(expected[0] === 'passed' ? 'expelled' : 'admitted');
            const again = new DecisionCount(clusterId, (keys[0] as Sigil).thumbprint);
            for (const entry of governance.entries) await again.take(entry);
            expect(again.memberships).toEqual(governance.count.memberships);
            expect(again.operators).toEqual(governance.count.operators);
          },
        ),
        propertyRuns(20, 20),
      );
    },
    propertyLimitMs(20_000),
  );
});
