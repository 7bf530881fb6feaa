import type { Bus } from '#bus';
import { governanceAdmit, governanceMembers, type Membership, type NodeId, type Operator } from '#contracts';
import type { GovernancePort } from './engine/index.ports.js';

const ADMIT_TIMEOUT_MS = 1_500;

export class BusGovernance implements GovernancePort {
  constructor(private readonly bus: Bus) {}

  async admit(nodeId: NodeId, operatorId: string): Promise<Membership> {
    const { membership } = await this.bus.call(
      governanceAdmit,
      { nodeId, operatorId },
      { timeoutMs: ADMIT_TIMEOUT_MS },
    );
    return membership;
  }

  async members(): Promise<{ operators: Operator[]; memberships: Membership[] }> {
    return this.bus.call(governanceMembers, {});
  }
}
