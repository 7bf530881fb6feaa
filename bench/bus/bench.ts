import { type ChildProcess, fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { alternate, type BenchOptions, type Figure, figureOf } from '../harness.js';
import type { FromWorker, ToWorker, WorkerRole } from './worker.protocol.js';

const IN_FLIGHT = 64;
const CALLERS = [1, 4, 16] as const;

interface Side {
  readonly callers: readonly Worker[];
  readonly callee: Worker;
}

/** One process of the bench. */
class Worker {
  private constructor(private readonly child: ChildProcess) {}

  static async start(role: WorkerRole): Promise<Worker> {
    const child = fork(fileURLToPath(new URL('./worker.js', import.meta.url)), [JSON.stringify(role)]);
    const worker = new Worker(child);
    await worker.next((message) => 'ready' in message);
    return worker;
  }

  async run(ms: number): Promise<{ calls: number; errors: number; elapsedMs: number }> {
    this.tell({ run: { inFlight: IN_FLIGHT, ms } });
    const answer = await this.next((message) => 'done' in message);
    if (!('done' in answer)) throw new Error('a worker answered something else');
    return answer.done;
  }

  async end(): Promise<void> {
    const gone = new Promise<void>((resolve) => this.child.once('exit', () => resolve()));
    this.tell({ end: true });
    await gone;
  }

  private tell(message: ToWorker): void {
    this.child.send(message);
  }

  private next(wanted: (message: FromWorker) => boolean): Promise<FromWorker> {
    return new Promise((resolve, reject) => {
      const exited = () => reject(new Error('a process of the bench ended early'));
      const heard = (message: FromWorker) => {
        if (!wanted(message)) return;
        this.child.off('message', heard).off('exit', exited);
        resolve(message);
      };
      this.child.on('message', heard).once('exit', exited);
    });
  }
}

async function startSide(kind: WorkerRole['kind'], callers: number, redisUrl: string): Promise<Side> {
  const id = (): string => randomBytes(32).toString('base64url');
  const callerIds = Array.from({ length: callers }, id);
  const shared = { kind, redisUrl, clusterId: id(), calleeId: id(), callerIds };
  const callee = await Worker.start({ ...shared, role: 'callee', nodeId: shared.calleeId });
  const started = await Promise.all(callerIds.map((nodeId) => Worker.start({ ...shared, role: 'caller', nodeId })));
  return { callee, callers: started };
}

async function stopSide(side: Side): Promise<void> {
  await Promise.all([side.callee, ...side.callers].map((worker) => worker.end()));
}

async function publishes(redis: Redis): Promise<number> {
  return Number(/cmdstat_publish:calls=(\d+)/.exec(await redis.info('commandstats'))?.[1] ?? 0);
}

/** Answered calls a second over all callers. Counts the messages that crossed Redis: a call and a reply are two. */
async function measure(side: Side, ms: number, redis: Redis): Promise<{ perSecond: number; perCall: number }> {
  const before = await publishes(redis);
  const results = await Promise.all(side.callers.map((caller) => caller.run(ms)));
  const errors = results.reduce((sum, { errors }) => sum + errors, 0);
  if (errors > 0) throw new Error(`${errors} calls failed: no figure`);
  const calls = results.reduce((sum, result) => sum + result.calls, 0);
  const perSecond = results.reduce((sum, result) => sum + (result.calls / result.elapsedMs) * 1_000, 0);
  const crossed = (await publishes(redis)) - before;
  if (crossed < calls * 2) throw new Error(`${calls} calls, but only ${crossed} messages crossed Redis: no figure`);
  return { perSecond, perCall: crossed / calls };
}

export async function run(options: BenchOptions): Promise<Figure[]> {
  const redis = new Redis(options.redisUrl);
  const figures: Figure[] = [];
  try {
    for (const callers of CALLERS) {
      const ours = await startSide('ours', callers, options.redisUrl);
      const bare = await startSide('bare', callers, options.redisUrl);
      const warmMs = Math.min(2_000, options.roundMs);
      await measure(ours, warmMs, redis);
      await measure(bare, warmMs, redis);
      let perCall = 0;
      const name = `bus.calls_per_s_c${callers}`;
      const result = await alternate(
        options,
        name,
        async () => {
          const measured = await measure(ours, options.roundMs, redis);
          perCall = measured.perCall;
          return measured.perSecond;
        },
        async () => (await measure(bare, options.roundMs, redis)).perSecond,
      );
      await Promise.all([stopSide(ours), stopSide(bare)]);
      figures.push(
        figureOf(options, {
          figure: name,
          ours: result.ours,
          peer: result.peer,
          peerName: 'Nest Redis transport',
          better: 'higher',
          unit: 'calls/s',
          notes:
            `${callers} caller process(es) and one callee process, ${IN_FLIGHT} calls in flight each; ` +
            `Redis counted ${perCall.toFixed(3)} PUBLISH a call; ours also parses by schema at both ends, checks the ` +
            'caller, deadline and repetition of every call, and learns latency; limited by the callee, one thread',
        }),
      );
    }
  } finally {
    await redis.quit();
  }
  return figures;
}
