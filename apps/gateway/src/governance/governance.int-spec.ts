import { genesisHash } from '#ballots';
import {
  governanceLog,
  governanceMembers,
  governanceProposal,
  governanceProposals,
  governancePropose,
  governanceVote,
} from '#contracts';
import { WatershedError } from '#errors';
import { generateSigil, type Sigil } from '#sigil';
import { MemoryGovernance } from '#testing';
import { fakeClusterId } from '../testing/fake-cluster.js';
import { TestGateway } from '../testing/test-gateway.js';

const node = Buffer.alloc(32, 1).toString('base64url');

describe('what operators sign, over HTTP', () => {
  let gateway: TestGateway;
  let alice: Sigil;
  let governance: MemoryGovernance;

  beforeAll(async () => {
    gateway = await TestGateway.start({ GATEWAY_RATE_PER_ADDRESS: '10000' });
    alice = await generateSigil('operator');
    governance = await MemoryGovernance.begin(fakeClusterId, alice);
    await governance.admit(node, alice.thumbprint);
    const { cluster } = gateway;
    const recordOf = (proposalId: string) => {
      const counted = governance.count.proposals.get(proposalId);
      if (!counted) throw new WatershedError('proposal_unknown', 'No such proposal.');
      return governance.count.recordOf(counted, new Date());
    };
    cluster.handle(governancePropose, async ({ proposal }) => ({ tally: await governance.propose(proposal) }));
    cluster.handle(governanceVote, async ({ ballot }) => ({ tally: await governance.vote(ballot) }));
    cluster.handle(governanceProposal, ({ proposalId }) => recordOf(proposalId));
    cluster.handle(governanceProposals, () => ({ items: [...governance.count.proposals.keys()].map(recordOf) }));
    cluster.handle(governanceMembers, () => ({ operators: [...governance.count.operators.values()], memberships: [] }));
    cluster.handle(governanceLog, ({ after, limit }) => {
      const last = governance.entries.at(-1);
      return {
        entries: governance.log(after ?? 0, limit),
        head: { seq: last?.seq ?? 0, hash: last?.hash ?? genesisHash },
      };
    });
  }, 60_000);
  afterAll(() => gateway.stop());

  const post = (path: string, json: unknown, key = gateway.operatorKey()) =>
    gateway.ask('POST', `/v1/governance/${path}`, { key, json });

  it('is opened, voted on and shown, and the audit log tells who brought it', async () => {
    const proposal = await governance.proposal(alice, 'node-pause', node);
    const opened = await post('proposals', proposal);
    expect(opened).toMatchObject({ status: 201, body: { state: 'open', needed: 1 } });
    const path = `proposals/${proposal.proposalId}`;
    const voted = await post(`${path}/ballots`, await governance.ballot(alice, proposal));
    expect(voted).toMatchObject({ status: 200, body: { state: 'passed', membership: { state: 'paused' } } });
    const shown = await gateway.ask('GET', `/v1/governance/${path}`);
    expect(shown).toMatchObject({ status: 200, body: { proposal, tally: { state: 'passed' } } });
    expect((await gateway.ask('GET', '/v1/governance/proposals')).body).toEqual({ items: [shown.body] });
    const audit = (await gateway.ask('GET', '/v1/audit', { key: gateway.operatorKey() })).body.items as {
      action: string;
      phase: string;
    }[];
    expect(audit.map(({ action, phase }) => `${action} ${phase}`)).toEqual([
      'proposal.vote done',
      'proposal.vote begun',
      'proposal.open done',
      'proposal.open begun',
    ]);
  });

  it('is there for anyone to count again, page by page, without a key', async () => {
    const collected: unknown[] = [];
    let cursor = '';
    do {
      const page = await gateway.ask('GET', `/v1/governance/log?limit=2${cursor}`);
      expect(page).toMatchObject({ status: 200, body: { head: { seq: governance.entries.length } } });
      collected.push(...(page.body.items as unknown[]));
      cursor = page.body.nextCursor ? `&cursor=${page.body.nextCursor}` : '';
    } while (cursor);
    expect(collected).toEqual(governance.entries);
    const operators = await gateway.ask('GET', '/v1/governance/operators');
    expect(operators.body).toMatchObject({ items: [{ operatorId: alice.thumbprint }] });
    expect((await gateway.ask('GET', '/v1/governance/log?cursor=nonsense')).body).toMatchObject({
      code: 'cursor_invalid',
    });
  });

  it('is taken only from someone whose key may bring it', async () => {
    const { key } = await gateway.signUp();
    const proposal = await governance.proposal(alice, 'node-exclude', node);
    const before = governance.entries.length;
    expect(await post('proposals', proposal, key)).toMatchObject({ status: 403, body: { code: 'role_missing' } });
    expect(await gateway.ask('POST', '/v1/governance/proposals', { json: proposal })).toMatchObject({ status: 401 });
    expect(governance.entries).toHaveLength(before);
  });

  it('is refused by one clear error each, and nothing changes', async () => {
    const open = await governance.proposal(alice, 'node-exclude', node);
    await governance.propose(open);
    const ballot = await governance.ballot(alice, open);
    const nobody = '0198c1a4-2f66-7c3e-9d53-7e6a5b1f4c20';
    const path = `proposals/${open.proposalId}/ballots`;
    const stranger = await generateSigil('operator');
    const before = governance.entries.length;
    const refused: [Promise<{ status: number; body: Record<string, unknown> }>, number, string][] = [
      [post('proposals', { ...open, subject: 'short' }), 400, 'invalid_request'],
      [post('proposals', { ...open, subject: `${node}A` }), 400, 'invalid_request'],
      [post('proposals', { ...open, operators: ['*'.repeat(43)] }), 400, 'invalid_request'],
      [post('proposals', { ...open, kind: 'node-delete' }), 400, 'invalid_request'],
      [post('proposals', { ...open, signatures: [] }), 400, 'invalid_request'],
      [post('proposals', await governance.proposal(alice, 'node-exclude', 'n'.repeat(43))), 404, 'node_unknown'],
      [post('proposals', await governance.proposal(alice, 'operator-remove', node)), 404, 'operator_unknown'],
      [post('proposals', await governance.proposal(alice, 'operator-remove', alice.thumbprint)), 409, 'last_operator'],
      [post(path, await governance.ballot(stranger, open)), 403, 'role_missing'],
      [post(path, { ...ballot, choice: 'maybe' }), 400, 'invalid_request'],
      [post(path, { ...ballot, choice: 'against' }), 400, 'signature_invalid'],
      [post(path, await governance.ballot(alice, open, 'for', 'd'.repeat(43))), 400, 'signature_invalid'],
      [post(`proposals/${nobody}/ballots`, ballot), 400, 'invalid_request'],
      [post(`proposals/${nobody}/ballots`, { ...ballot, proposalId: nobody }), 404, 'proposal_unknown'],
      [gateway.ask('GET', `/v1/governance/proposals/${nobody}`), 404, 'proposal_unknown'],
      [gateway.ask('GET', '/v1/governance/proposals/nobody'), 400, 'invalid_request'],
    ];
    for (const [attempt, status, code] of refused) expect(await attempt).toMatchObject({ status, body: { code } });
    expect(governance.entries).toHaveLength(before);
    await post(path, ballot);
    const late = await governance.ballot(alice, open, 'against');
    expect(await post(path, late)).toMatchObject({ status: 409, body: { code: 'ballot_conflict' } });
  });
});
