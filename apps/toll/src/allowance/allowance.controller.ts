import { Controller, Inject } from '@nestjs/common';
import { BusHandler } from '#bus';
import { type ParsedRequestOf, tollAllowance } from '#contracts';
import { PersonGrants } from '../ledger/person-grants.js';
import { AllowanceEngine } from './engine/allowance-engine.js';

@Controller()
export class AllowanceController {
  constructor(
    @Inject(AllowanceEngine) private readonly engine: AllowanceEngine,
    @Inject(PersonGrants) private readonly grants: PersonGrants,
  ) {}

  @BusHandler(tollAllowance)
  async allowance(request: ParsedRequestOf<typeof tollAllowance>) {
    await this.grants.check(request);
    return this.engine.allowance(request.personId);
  }
}
