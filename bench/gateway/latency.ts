import { Pool } from 'undici';
import { type BenchOptions, median, quantile } from '../harness.js';

export interface Target {
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly body: string;
}

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

/** Milliseconds of `count` requests, each sent when the one before was answered. */
async function oneAtATime({ url, headers, body }: Target, pool: Pool, count: number): Promise<number[]> {
  const times: number[] = [];
  for (let n = 0; n < count; n++) {
    const began = performance.now();
    const answer = await pool.request({ path: new URL(url).pathname, method: 'POST', headers, body });
    await answer.body.arrayBuffer();
    if (answer.statusCode !== 200) throw new Error(`${url} answered ${answer.statusCode}`);
    times.push(performance.now() - began);
  }
  return times;
}

/**
 * Rounds of each in turn, so that what each adds is told from what the model server took in the same seconds: the speed of
 * a shared machine changes by two within the hour. `warmUps` go before, until the hot code is compiled.
 */
export async function addedLatency(
  targets: LoneTargets,
  options: BenchOptions,
  warmUps: number,
): Promise<AddedLatency> {
  const perRound = options.quick ? 200 : 500;
  const pools: Pool[] = [];
  const lane = (target: Target) => {
    const pool = new Pool(new URL(target.url).origin, { connections: 1 });
    pools.push(pool);
    return (count: number) => oneAtATime(target, pool, count);
  };
  const [ours, bare, direct] = [lane(targets.ours), lane(targets.bare), lane(targets.direct)];
  const rounds: { ours: number; bare: number; direct: number; again: number }[] = [];
  const all: number[] = [];
  try {
    for (const each of [ours, bare, direct]) await each(warmUps);
    for (let round = 0; round < options.rounds; round++) {
      const samples = await ours(perRound);
      all.push(...samples);
      rounds.push({
        ours: quantile(samples, 0.5),
        direct: quantile(await direct(perRound), 0.5),
        bare: quantile(await bare(perRound), 0.5),
        again: quantile(await direct(perRound), 0.5),
      });
    }
  } finally {
    await Promise.all(pools.map((pool) => pool.close()));
  }
  const of = (value: (round: (typeof rounds)[number]) => number) => median(rounds.map(value));
  const shown = (value: number) => value.toFixed(2);
  return {
    oursMs: of(({ ours, direct }) => ours - direct),
    bareMs: of(({ bare, again }) => bare - again),
    note:
      `${rounds.length} rounds of ${perRound} of each, p50 through the gateway ${shown(of(({ ours }) => ours))} ms` +
      `${all.length >= 500 ? `, p99 ${shown(quantile(all, 0.99))} ms` : ''}, ` +
      `the model server asked directly ${shown(of(({ direct }) => direct))} ms, the same again ${shown(of(({ again }) => again))} ms, ` +
      `added in each round ${rounds.map(({ ours, direct }) => shown(ours - direct)).join(', ')}`,
  };
}
