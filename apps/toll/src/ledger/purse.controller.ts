import { Controller, Inject } from '@nestjs/common';
import { BusHandler } from '#bus';
import {
  type ParsedRequestOf,
  tollClosePurse,
  tollGrant,
  tollOpenPurse,
  tollPurse,
  tollStatement,
  tollTotals,
  tollUsage,
} from '#contracts';
import { LedgerEngine } from './engine/ledger-engine.js';

/** People's purses: opened, filled, looked at. */
@Controller()
export class PurseController {
  constructor(@Inject(LedgerEngine) private readonly engine: LedgerEngine) {}

  @BusHandler(tollOpenPurse)
  async open({ personId }: ParsedRequestOf<typeof tollOpenPurse>) {
    return this.engine.openPurse(personId);
  }

  @BusHandler(tollClosePurse)
  async close({ personId }: ParsedRequestOf<typeof tollClosePurse>) {
    return this.engine.closePurse(personId);
  }

  @BusHandler(tollPurse)
  async purse({ personId }: ParsedRequestOf<typeof tollPurse>) {
    return this.engine.purse(personId);
  }

  @BusHandler(tollGrant)
  async grant(request: ParsedRequestOf<typeof tollGrant>) {
    return this.engine.grant(request);
  }

  @BusHandler(tollStatement)
  async statement({ personId, ...page }: ParsedRequestOf<typeof tollStatement>) {
    return this.engine.statement(personId, page);
  }

  @BusHandler(tollUsage)
  async usage({ personId, ...page }: ParsedRequestOf<typeof tollUsage>) {
    return this.engine.usage(personId, page);
  }

  @BusHandler(tollTotals)
  async totals() {
    return this.engine.totals();
  }
}
