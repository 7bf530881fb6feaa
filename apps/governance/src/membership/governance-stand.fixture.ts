import { uuidv7 } from 'uuidv7';
import { DecisionCount, inOrder, proposalDigest, signBallot, signProposal } from '#ballots';
import {
  type Ballot,
  type BallotChoice,
  type Membership,
  membership,
  type Proposal,
  type ProposalKind,
  type Tally,
} from '#contracts';
import { type Database, OutboxRelay, openDatabase } from '#persistence';
import { generateSigil, type Sigil } from '#sigil';
import { type TestDatabase, testDatabase } from '#testing';
import type { AccessPort } from '../access/engine/access.ports.js';
import { deliverAnnouncements } from './announcements.js';
import type { GovernanceStore } from './engine/governance.ports.js';
import { GovernanceEngine } from './engine/governance-engine.js';
import { GovernanceRepository } from './governance.repository.js';

export const clusterId = 'c'.repeat(43);
export const newNodeId = () => Buffer.from(uuidv7().replaceAll('-', '').padEnd(64, '0'), 'hex').toString('base64url');

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

/** Governance's engine on a database of its own, begun by the first of three operators. */
export class GovernanceStand {
  readonly access = new RecordingAccess();
  readonly announced: { membership: Membership; at: number }[] = [];
  /** How far the log had grown, as it was announced. */
  readonly grown: number[] = [];
  readonly store: GovernanceRepository;
  readonly engine: GovernanceEngine;
  relay: OutboxRelay;

  private constructor(
    readonly template: TestDatabase,
    readonly database: Database,
    readonly operators: readonly [Sigil, Sigil, Sigil],
  ) {
    this.store = new GovernanceRepository(database);
    this.relay = this.newRelay(this.access);
    this.engine = this.newEngine();
  }

  static async open(): Promise<GovernanceStand> {
    const template = await testDatabase();
    const database = await openDatabase({ url: template.urlFor('governance'), applicationName: 'governance-test' });
    const three = (await Promise.all([1, 2, 3].map(() => generateSigil('operator')))) as [Sigil, Sigil, Sigil];
    const stand = new GovernanceStand(template, database, three);
    await stand.engine.begin({ key: three[0].publicJwk, name: 'genesis' });
    await stand.relay.start();
    return stand;
  }

  async close(): Promise<void> {
    await this.relay.close();
    await this.database.close();
    await this.template.close();
  }

  newRelay(access: AccessPort): OutboxRelay {
    const deliver = deliverAnnouncements({
      store: this.store,
      access,
      bus: {
        broadcast: async (broadcast, payload) => {
          if (broadcast.name === 'membership-changed') {
            const changed = membership.parse((payload as { membership: unknown }).membership);
            this.announced.push({ membership: changed, at: performance.now() });
          } else this.grown.push((payload as { seq: number }).seq);
        },
      },
    });
    return new OutboxRelay({ pool: this.database.pool, app: 'governance', deliver, backoffMs: 20, claimMs: 500 });
  }

  newEngine(store: GovernanceStore = this.store): GovernanceEngine {
    return new GovernanceEngine({ store, clusterId, now: () => new Date(), onChanged: () => this.relay.wake() });
  }

  /** Whatever a test did, its log counts, and comes to what the tables say. */
  async countAnew(): Promise<void> {
    const count = new DecisionCount(clusterId, this.operators[0].thumbprint);
    for (const entry of await this.store.entriesAfter(0, 10_000)) await count.take(entry);
    const { operators, memberships } = await this.engine.members();
    expect(operators.map(({ operatorId }) => operatorId).sort()).toEqual([...count.operators.keys()].sort());
    const counted = [...count.memberships.values()].map((each) => each.membership);
    expect(memberships).toEqual(counted.sort((one, other) => (one.nodeId < other.nodeId ? -1 : 1)));
  }

  async newNode(operator: Sigil = this.operators[0]): Promise<string> {
    const nodeId = newNodeId();
    await this.engine.admit(nodeId, operator.thumbprint);
    return nodeId;
  }

  async proposalOf(
    opener: Sigil,
    kind: ProposalKind,
    subject: string,
    over: Partial<Proposal> = {},
  ): Promise<Proposal> {
    const { operators } = await this.engine.members();
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
  }

  ballotOf(voter: Sigil, on: Proposal, choice: BallotChoice = 'for'): Promise<Ballot> {
    const { proposalId } = on;
    return signBallot({ clusterId, proposalId, proposalDigest: proposalDigest(on), choice, castAt: new Date() }, voter);
  }

  async decide(
    voters: [Sigil, ...Sigil[]],
    kind: ProposalKind,
    subject: string,
    over: Partial<Proposal> = {},
  ): Promise<Tally> {
    const proposal = await this.proposalOf(voters[0], kind, subject, over);
    let tally = await this.engine.propose(proposal);
    for (const voter of voters) tally = await this.engine.vote(await this.ballotOf(voter, proposal));
    return tally;
  }

  welcome(voters: [Sigil, ...Sigil[]], candidate: Sigil): Promise<Tally> {
    const over = { candidate: { name: 'another', key: candidate.publicJwk } };
    return this.decide(voters, 'operator-add', candidate.thumbprint, over);
  }

  async threeOperators(): Promise<void> {
    const [alice, bob, carol] = this.operators;
    await this.welcome([alice], bob);
    await this.welcome([alice, bob], carol);
  }

  async stateOf(nodeId: string): Promise<Membership['state'] | undefined> {
    return (await this.store.membership(nodeId))?.state;
  }
}
