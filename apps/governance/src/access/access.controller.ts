import { Controller, Inject } from '@nestjs/common';
import { BusHandler } from '#bus';
import { governanceIssueTicket, governanceRedeemTicket, type ParsedRequestOf } from '#contracts';
import { AccessEngine } from './engine/access-engine.js';

@Controller()
export class AccessController {
  constructor(@Inject(AccessEngine) private readonly engine: AccessEngine) {}

  @BusHandler(governanceIssueTicket)
  async issue(ticket: ParsedRequestOf<typeof governanceIssueTicket>) {
    return { expiresAt: (await this.engine.issue(ticket)).toISOString() };
  }

  @BusHandler(governanceRedeemTicket)
  async redeem(request: ParsedRequestOf<typeof governanceRedeemTicket>) {
    return this.engine.redeem(request);
  }
}
