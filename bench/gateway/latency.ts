import { type BenchOptions, median, quantile } from '../harness.js';
import { LoneCaller, type Target } from './lone-caller.js';

/** What is asked one at a time: the gateway, the bare proxy, and the model server as both of them ask it. */
export interface LoneTargets {
  readonly ours: Target;
  readonly bare: Target;
  readonly direct: Target;
}

export interface AddedLatency {
  /** Medians over the rounds of what each adds to the model server's p50. */
  readonly oursMs: number;
  readonly bareMs: number;
  readonly note: string;
}

/** Medians of one round, in milliseconds. */
interface Round {
  readonly ours: number;
  readonly bare: number;
  readonly direct: number;
  readonly again: number;
}

/** Milliseconds of `count` requests on a connection of their own, each sent when the one before was answered. */
async function oneAtATime(target: Target, count: number): Promise<number[]> {
  const caller = await LoneCaller.connect(target);
  try {
    const times: number[] = [];
    for (let n = 0; n < count; n++) {
      const began = performance.now();
      await caller.ask();
      times.push(performance.now() - began);
    }
    return times;
  } finally {
    caller.close();
  }
}

/**
 * What the gateway adds to a lone request. Rounds of each in turn, so that it is told from what the model server took in the
 * same seconds; and rounds far apart, between those of another figure, because the speed of a shared machine changes by two
 * within minutes.
 */
export class LoneRequests {
  private readonly rounds: Round[] = [];
  private readonly all: number[] = [];
  private readonly perRound: number;

  constructor(
    private readonly targets: LoneTargets,
    options: Pick<BenchOptions, 'quick'>,
  ) {
    this.perRound = options.quick ? 200 : 500;
  }

  /** Until the code that one request alone takes is compiled. */
  async warmUp(count: number): Promise<void> {
    for (const target of Object.values(this.targets)) await oneAtATime(target, count);
  }

  /** How many the gateway answered. */
  async round(): Promise<number> {
    const { ours, bare, direct } = this.targets;
    const samples = await oneAtATime(ours, this.perRound);
    this.all.push(...samples);
    const p50 = async (target: Target) => quantile(await oneAtATime(target, this.perRound), 0.5);
    this.rounds.push({
      ours: quantile(samples, 0.5),
      direct: await p50(direct),
      bare: await p50(bare),
      again: await p50(direct),
    });
    return samples.length;
  }

  added(): AddedLatency {
    const { rounds, all } = this;
    const of = (value: (round: Round) => number) => median(rounds.map(value));
    const shown = (value: number) => value.toFixed(2);
    return {
      oursMs: of(({ ours, direct }) => ours - direct),
      bareMs: of(({ bare, again }) => bare - again),
      note:
        `${rounds.length} rounds of ${this.perRound} of each, p50 through the gateway ${shown(of(({ ours }) => ours))} ms` +
        `${all.length >= 500 ? `, p99 ${shown(quantile(all, 0.99))} ms` : ''}, ` +
        `the model server asked directly ${shown(of(({ direct }) => direct))} ms, the same again ${shown(of(({ again }) => again))} ms, ` +
        `added in each round ${rounds.map(({ ours, direct }) => shown(ours - direct)).join(', ')}, ` +
        `by the proxy ${rounds.map(({ bare, again }) => shown(bare - again)).join(', ')}`,
    };
  }
}
