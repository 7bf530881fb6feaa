import { Controller, Inject } from '@nestjs/common';
import { BusHandler, type Caller } from '#bus';
import {
  governanceAdmit,
  governanceLog,
  governanceMembers,
  governanceProposal,
  governanceProposals,
  governancePropose,
  governanceVote,
  type ParsedRequestOf,
} from '#contracts';
import { CLUSTER_NODE, type ClusterNode } from '#node';
import { AccessEngine } from '../access/engine/access-engine.js';
import { GovernanceEngine } from './engine/governance-engine.js';

@Controller()
export class GovernanceController {
  constructor(
    @Inject(GovernanceEngine) private readonly engine: GovernanceEngine,
    @Inject(AccessEngine) private readonly access: AccessEngine,
    @Inject(CLUSTER_NODE) private readonly node: ClusterNode,
  ) {}

  @BusHandler(governanceMembers)
  async members() {
    return this.engine.members();
  }

  @BusHandler(governanceAdmit)
  async admit({ nodeId, operatorId, services }: ParsedRequestOf<typeof governanceAdmit>) {
    if (services) await this.access.mayServe(nodeId, services);
    return { membership: await this.engine.admit(nodeId, operatorId) };
  }

  @BusHandler(governancePropose)
  async propose({ proposal }: ParsedRequestOf<typeof governancePropose>, caller: Caller) {
    return { tally: await this.engine.propose(proposal, [caller.nodeId, this.node.nodeId]) };
  }

  @BusHandler(governanceVote)
  async vote({ ballot }: ParsedRequestOf<typeof governanceVote>, caller: Caller) {
    return { tally: await this.engine.vote(ballot, [caller.nodeId, this.node.nodeId]) };
  }

  @BusHandler(governanceProposal)
  async proposal({ proposalId }: ParsedRequestOf<typeof governanceProposal>) {
    return this.engine.proposal(proposalId);
  }

  @BusHandler(governanceProposals)
  async proposals(page: ParsedRequestOf<typeof governanceProposals>) {
    return this.engine.proposals(page);
  }

  @BusHandler(governanceLog)
  async log({ after, limit }: ParsedRequestOf<typeof governanceLog>) {
    return this.engine.log(after, limit);
  }
}
