import { Controller, Inject } from '@nestjs/common';
import { BusHandler, type Caller } from '#bus';
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
import { PersonGrants } from './person-grants.js';

/** People's purses: opened, filled, looked at. */
@Controller()
export class PurseController {
  constructor(
    @Inject(LedgerEngine) private readonly engine: LedgerEngine,
    @Inject(PersonGrants) private readonly grants: PersonGrants,
  ) {}

  @BusHandler(tollOpenPurse)
  async open(request: ParsedRequestOf<typeof tollOpenPurse>) {
    await this.grants.check(request);
    return this.engine.openPurse(request.personId);
  }

  @BusHandler(tollClosePurse)
  async close(request: ParsedRequestOf<typeof tollClosePurse>) {
    await this.grants.check(request);
    return this.engine.closePurse(request.personId);
  }

  @BusHandler(tollPurse)
  async purse(request: ParsedRequestOf<typeof tollPurse>) {
    await this.grants.check(request);
    return this.engine.purse(request.personId);
  }

  @BusHandler(tollGrant)
  async grant({ grant, ...order }: ParsedRequestOf<typeof tollGrant>, caller: Caller) {
    await this.grants.checkOrder(order, grant, caller.nodeId);
    return this.engine.grant(order);
  }

  @BusHandler(tollStatement)
  async statement({ personId, grant, ...page }: ParsedRequestOf<typeof tollStatement>) {
    await this.grants.check({ personId, grant });
    return this.engine.statement(personId, page);
  }

  @BusHandler(tollUsage)
  async usage({ personId, grant, ...page }: ParsedRequestOf<typeof tollUsage>) {
    await this.grants.check({ personId, grant });
    return this.engine.usage(personId, page);
  }

  @BusHandler(tollTotals)
  async totals() {
    return this.engine.totals();
  }
}
