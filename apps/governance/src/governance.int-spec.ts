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
} from '#contracts';
import type { ClusterNode, RunningApp } from '#node';
import type { Sigil } from '#sigil';
import { AppStand, eventually } from '#testing';
import { startGovernance } from './app.js';

describe('governance on the bus', () => {
  let stand: AppStand;
  let governance: RunningApp;
  let index: ClusterNode;
  let gateway: ClusterNode;
  let operator: Sigil;
  const heard: { membership: Membership; at: number; from: string }[] = [];
  const start = () => stand.hold(startGovernance(stand.env('governance'), { index: stand.index.port() }));
  beforeAll(async () => {
    stand = await AppStand.open();
    operator = stand.operator;
    governance = await start();
    [index, gateway] = await Promise.all([stand.join(['index']), stand.join(['gateway'])]);
    await Promise.all([index, gateway].map((node) => node.directory.waitFor('governance', 5_000)));
    index.bus.on(
      membershipChanged,
      ({ membership }, from) => void heard.push({ membership, at: performance.now(), from }),
    );
  });
  afterAll(() => stand?.close());

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
        clusterId: stand.clusterId,
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
    governance = await start();
    await eventually(async () => expect(await gateway.bus.call(governanceMembers, {})).toEqual(before));
  });
});
