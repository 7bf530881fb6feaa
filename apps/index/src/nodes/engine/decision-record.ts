import { DecisionCount, LogRefusedError } from '#ballots';
import type { Membership, NodeId } from '#contracts';
import { thumbprintOf } from '#sigil';
import { governanceAway } from './index.errors.js';
import type { IndexResources } from './index.ports.js';

/**
 * What this index knows of the operators' decisions: it reads governance's log and counts it itself, from the operator of
 * the genesis on. A governance that lied could at most keep the log from growing here.
 */
export class DecisionRecord {
  readonly counted: DecisionCount;
  private reading: Promise<void> = Promise.resolve();

  constructor(private readonly resources: Pick<IndexResources, 'governance' | 'log' | 'settings'>) {
    const { clusterId, genesisOperator } = resources.settings;
    this.counted = new DecisionCount(clusterId, thumbprintOf(genesisOperator));
  }

  of(nodeId: NodeId): Membership | undefined {
    return this.counted.memberships.get(nodeId)?.membership;
  }

  /**
   * Counts what is new. Reads one after the other, each from where the last ended. Throws as the port does where
   * governance cannot be asked, `no_node_available` where its log does not hold: a log that lies is no log.
   */
  catchUp(): Promise<void> {
    const read = this.reading.then(() => this.read());
    this.reading = read.catch(() => undefined);
    return read;
  }

  private async read(): Promise<void> {
    for (;;) {
      const entries = await this.resources.governance.log(this.counted.head.seq);
      if (entries.length === 0) return;
      for (const entry of entries) await this.take(entry);
    }
  }

  private async take(entry: Parameters<DecisionCount['take']>[0]): Promise<void> {
    try {
      await this.counted.take(entry);
    } catch (error) {
      if (!(error instanceof LogRefusedError)) throw error;
      this.resources.log.error({ entry: error.seq, reason: error.reason }, 'The log of governance does not hold');
      throw governanceAway(error);
    }
  }
}
