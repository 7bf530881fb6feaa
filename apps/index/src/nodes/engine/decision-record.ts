import { DecisionCount, LogRefusedError } from '#ballots';
import type { LogEntry, Membership, NodeId } from '#contracts';
import { thumbprintOf } from '#sigil';
import { governanceAway } from './index.errors.js';
import type { CountedHead, IndexResources } from './index.ports.js';

/**
 * What this index knows of the operators' decisions: it reads governance's log and counts it itself, from the operator of
 * the genesis on. A governance that lied could at most keep the log from growing here: how far it was counted is kept, so
 * that after a restart neither a shorter log nor another one is taken for it.
 */
export class DecisionRecord {
  private readonly count: DecisionCount;
  private readonly nothing: DecisionCount;
  /** How far it was counted before; undefined until that was read. */
  private floor: CountedHead | undefined;
  private kept = 0;
  private reading: Promise<void> = Promise.resolve();

  constructor(private readonly resources: Pick<IndexResources, 'governance' | 'heads' | 'log' | 'settings'>) {
    const { clusterId, genesisOperator } = resources.settings;
    this.count = new DecisionCount(clusterId, thumbprintOf(genesisOperator));
    this.nothing = new DecisionCount(clusterId);
  }

  /** Empty until the log has come as far as it was counted before: half of it may still know who was voted out. */
  get counted(): DecisionCount {
    return this.floor && this.count.head.seq >= this.floor.seq ? this.count : this.nothing;
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
    const { governance, heads } = this.resources;
    this.floor ??= (await heads.read()) ?? this.count.head;
    for (;;) {
      const entries = await governance.log(this.count.head.seq);
      if (entries.length === 0) break;
      for (const entry of entries) await this.take(entry, this.floor);
    }
    if (this.count.head.seq < this.floor.seq) {
      throw this.refused(this.count.head.seq, `it ends here, and had ${this.floor.seq} entries before`);
    }
    if (this.count.head.seq <= this.kept) return;
    await heads.advance(this.count.head);
    this.kept = this.count.head.seq;
  }

  private async take(entry: LogEntry, floor: CountedHead): Promise<void> {
    if (entry.seq === floor.seq && entry.hash !== floor.hash) {
      throw this.refused(entry.seq, 'another entry stood here before');
    }
    try {
      await this.count.take(entry);
    } catch (error) {
      if (!(error instanceof LogRefusedError)) throw error;
      throw this.refused(error.seq, error.reason);
    }
  }

  private refused(entry: number, reason: string): Error {
    this.resources.log.error({ entry, reason }, 'The log of governance does not hold');
    return governanceAway(new Error(reason));
  }
}
