import type { Bus } from '#bus';
import {
  governanceAdmit,
  governanceLog,
  type LogEntry,
  type Membership,
  type NodeId,
  type ServiceName,
} from '#contracts';
import type { GovernancePort } from './engine/index.ports.js';

const ADMIT_TIMEOUT_MS = 1_500;

export class BusGovernance implements GovernancePort {
  constructor(private readonly bus: Bus) {}

  async admit(nodeId: NodeId, operatorId: string, services: readonly ServiceName[]): Promise<Membership> {
    const { membership } = await this.bus.call(
      governanceAdmit,
      { nodeId, operatorId, services: [...services] },
      { timeoutMs: ADMIT_TIMEOUT_MS },
    );
    return membership;
  }

  async log(after: number): Promise<LogEntry[]> {
    const { entries } = await this.bus.call(governanceLog, { after });
    return entries;
  }
}
