import { governanceLogGrew, heartbeat, membershipChanged } from '#contracts';
import { toWireError } from '#errors';
import { announceIndex, type ClusterNode, retractIndex } from '#node';
import type { IndexLog } from './engine/index.ports.js';
import type { IndexEngine } from './engine/index-engine.js';

/** The first tick is one of them: an index that is restarted every day forgets, too. */
const FORGET_EVERY_TICKS = 600;

/** Runs the engine: what is broadcast goes in, and the clock ticks. */
export class NodesProcessor {
  private readonly stops: (() => void)[] = [];
  private timer: NodeJS.Timeout | undefined;
  private ticking: Promise<void> | undefined;
  private ticks = 0;

  constructor(
    private readonly node: ClusterNode,
    private readonly engine: IndexEngine,
    private readonly log: IndexLog,
    private readonly intervalMs: number,
  ) {}

  /** From now on other nodes can find this instance. */
  async start(): Promise<void> {
    const { bus } = this.node;
    this.stops.push(
      bus.on(heartbeat, ({ load, models }, from) => {
        this.guard(this.engine.heard(from, load, models), 'A heartbeat could not be taken');
      }),
      bus.on(membershipChanged, ({ membership }) => {
        this.guard(this.engine.decidedOn(membership.nodeId), 'A decision could not be taken');
      }),
      bus.on(governanceLogGrew, ({ seq }) => {
        this.guard(this.engine.logGrew(seq), 'The log of governance could not be read');
      }),
      bus.onStatus((status) => {
        if (status === 'connected') this.engine.wasDeaf();
      }),
    );
    await this.announce();
    this.timer = setInterval(() => this.tick(), this.intervalMs);
  }

  /** Nobody new comes here any more. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    for (const stop of this.stops.splice(0)) stop();
    await this.ticking;
    if (this.node.bus.status !== 'connected') return;
    await retractIndex(this.node.bus.redis, this.node.clusterId, this.node.nodeId).catch((error: unknown) => {
      this.log.info({ code: toWireError(error).code }, 'The presence of this index could not be taken back');
    });
  }

  private tick(): void {
    // A slow database must not pile ticks up; the next one comes soon enough.
    if (this.ticking || this.node.bus.status !== 'connected') return;
    this.ticking = this.tickOnce().finally(() => {
      this.ticking = undefined;
    });
  }

  private async tickOnce(): Promise<void> {
    try {
      await this.announce();
      await this.engine.tick();
      if (this.ticks % FORGET_EVERY_TICKS === 0) await this.engine.forgetGone();
      this.ticks += 1;
    } catch (error) {
      this.log.warn({ code: toWireError(error).code, reason: String(error) }, 'The index could not review its nodes');
    }
  }

  private async announce(): Promise<void> {
    await announceIndex(this.node.bus.redis, this.node.clusterId, this.node.nodeId, this.intervalMs * 4);
  }

  private guard(work: Promise<void>, message: string): void {
    work.catch((error: unknown) => this.log.warn({ code: toWireError(error).code }, message));
  }
}
