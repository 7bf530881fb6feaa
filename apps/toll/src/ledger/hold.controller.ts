import { Controller, Inject } from '@nestjs/common';
import { BusHandler, type Caller } from '#bus';
import {
  type ParsedRequestOf,
  tollAmendUsage,
  tollCapture,
  tollDraw,
  tollHold,
  tollRecordUsage,
  tollReleaseBlock,
  tollVoid,
} from '#contracts';
import { AllowanceEngine } from '../allowance/engine/allowance-engine.js';
import { LedgerEngine } from './engine/ledger-engine.js';
import { PersonGrants } from './person-grants.js';

/** Money set aside: two-phase transfers, budget blocks and the usage that spends them. The holder is who calls. */
@Controller()
export class HoldController {
  constructor(
    @Inject(LedgerEngine) private readonly engine: LedgerEngine,
    @Inject(AllowanceEngine) private readonly allowance: AllowanceEngine,
    @Inject(PersonGrants) private readonly grants: PersonGrants,
  ) {}

  @BusHandler(tollHold)
  async hold(request: ParsedRequestOf<typeof tollHold>, caller: Caller) {
    await this.grants.check(request);
    return this.engine.hold(request, caller.nodeId);
  }

  @BusHandler(tollCapture)
  async capture({ transferId, amountMicro }: ParsedRequestOf<typeof tollCapture>) {
    return this.engine.capture(transferId, amountMicro);
  }

  @BusHandler(tollVoid)
  async void({ transferId }: ParsedRequestOf<typeof tollVoid>) {
    return this.engine.void(transferId);
  }

  @BusHandler(tollDraw)
  async draw(request: ParsedRequestOf<typeof tollDraw>, caller: Caller) {
    await this.grants.check(request);
    return this.allowance.draw(request, caller.nodeId);
  }

  @BusHandler(tollRecordUsage)
  async recordUsage({ events }: ParsedRequestOf<typeof tollRecordUsage>, caller: Caller) {
    return this.engine.recordUsage(events, caller.nodeId);
  }

  @BusHandler(tollAmendUsage)
  async amendUsage({ events }: ParsedRequestOf<typeof tollAmendUsage>, caller: Caller) {
    return this.engine.amendUsage(events, caller.nodeId);
  }

  @BusHandler(tollReleaseBlock)
  async releaseBlock({ blockId }: ParsedRequestOf<typeof tollReleaseBlock>, caller: Caller) {
    return this.engine.releaseBlock(blockId, caller.nodeId);
  }
}
