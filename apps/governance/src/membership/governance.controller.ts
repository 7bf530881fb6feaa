import { Controller, Inject } from '@nestjs/common';
import { BusHandler } from '#bus';
import {
  governanceAdmit,
  governanceDecide,
  governanceDecisions,
  governanceMembers,
  type ParsedRequestOf,
} from '#contracts';
import { GovernanceEngine } from './engine/governance-engine.js';

@Controller()
export class GovernanceController {
  constructor(@Inject(GovernanceEngine) private readonly engine: GovernanceEngine) {}

  @BusHandler(governanceMembers)
  async members() {
    return this.engine.members();
  }

  @BusHandler(governanceAdmit)
  async admit({ nodeId, operatorId }: ParsedRequestOf<typeof governanceAdmit>) {
    return { membership: await this.engine.admit(nodeId, operatorId) };
  }

  @BusHandler(governanceDecide)
  async decide({ decision }: ParsedRequestOf<typeof governanceDecide>) {
    return { membership: await this.engine.decide(decision) };
  }

  @BusHandler(governanceDecisions)
  async decisions(page: ParsedRequestOf<typeof governanceDecisions>) {
    return this.engine.decisions(page);
  }
}
