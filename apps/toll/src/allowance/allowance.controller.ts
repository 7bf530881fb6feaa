import { Controller, Inject } from '@nestjs/common';
import { BusHandler } from '#bus';
import { type ParsedRequestOf, tollAllowance } from '#contracts';
import { AllowanceEngine } from './engine/allowance-engine.js';

@Controller()
export class AllowanceController {
  constructor(@Inject(AllowanceEngine) private readonly engine: AllowanceEngine) {}

  @BusHandler(tollAllowance)
  async allowance({ personId }: ParsedRequestOf<typeof tollAllowance>) {
    return this.engine.allowance(personId);
  }
}
