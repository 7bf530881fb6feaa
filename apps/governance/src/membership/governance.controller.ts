import { Controller, Inject } from '@nestjs/common';
import { BusHandler, type Caller } from '#bus';
import {
  governanceAdmit,
  governanceDecide,
  governanceDecisions,
  governanceMembers,
  type ParsedRequestOf,
} from '#contracts';
import { CLUSTER_NODE, type ClusterNode } from '#node';
import { GovernanceEngine } from './engine/governance-engine.js';

@Controller()
export class GovernanceController {
  constructor(
    @Inject(GovernanceEngine) private readonly engine: GovernanceEngine,
    @Inject(CLUSTER_NODE) private readonly node: ClusterNode,
  ) {}

  @BusHandler(governanceMembers)
  async members() {
    return this.engine.members();
  }

  @BusHandler(governanceAdmit)
  async admit({ nodeId, operatorId }: ParsedRequestOf<typeof governanceAdmit>) {
    return { membership: await this.engine.admit(nodeId, operatorId) };
  }

  @BusHandler(governanceDecide)
  async decide({ decision }: ParsedRequestOf<typeof governanceDecide>, caller: Caller) {
    return { membership: await this.engine.decide(decision, [caller.nodeId, this.node.nodeId]) };
  }

  @BusHandler(governanceDecisions)
  async decisions(page: ParsedRequestOf<typeof governanceDecisions>) {
    return this.engine.decisions(page);
  }
}
