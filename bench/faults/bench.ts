import { setTimeout as delay } from 'node:timers/promises';
import { type Books, type Person, settledBooks, signUp } from '../cluster/books.js';
import { commandOf, descendants } from '../cluster/process-tree.js';
import { type Cluster, startCluster } from '../cluster/started-cluster.js';
import { type BenchOptions, type Figure, figureOf } from '../harness.js';

const ask = { model: 'watershed/language-id', text: 'Wo liegt der nächste Brunnen?' };
const lanes = 8;
/** Beyond this the cluster did not come back at all. */
const patienceMs = 60_000;

type Probe = () => Promise<boolean>;

interface Victim {
  readonly name: string;
  /** Part of its command line. */
  readonly command: string;
  /** Something that cannot be had without it, where there is such a thing. */
  readonly probe: Probe;
}

const succeeds = (request: Promise<{ response: Response }>): Promise<boolean> =>
  request.then(
    ({ response }) => response.ok,
    () => false,
  );

/** Asks for inferences and counts those that were answered. */
class Asker {
  answered = 0;

  constructor(private readonly person: Person) {}

  readonly infer: Probe = async () => {
    const ok = await succeeds(this.person.client.POST('/v1/infer', { body: ask }));
    if (ok) this.answered += 1;
    return ok;
  };

  /** In several lanes, one after the other in each, until told to stop. */
  lanes(count: number): () => Promise<void> {
    let going = true;
    const lane = async () => {
      while (going) if (!(await this.infer())) await delay(20);
    };
    const running = Promise.all(Array.from({ length: count }, lane));
    return async () => {
      going = false;
      await running;
    };
  }
}

async function victimsOf(cluster: Cluster, person: Person, infer: Probe): Promise<Victim[]> {
  const { client } = person;
  const { operator } = cluster;
  const { data: pod } = await client.POST('/v1/pods', { body: {} });
  if (!pod) throw new Error('no pod');
  const path = { podId: pod.podId, path: 'well' };
  const file = `${cluster.url}/v1/pods/${path.podId}/resources/${path.path}`;
  const headers = { authorization: `Bearer ${person.secret}`, 'content-type': 'text/plain' };
  const put = await fetch(file, { method: 'PUT', headers, body: 'deep' });
  if (!put.ok) throw new Error(`the resource was not stored: ${put.status}`);
  const read: Probe = () => succeeds(fetch(file, { headers }).then((response) => ({ response })));
  const service = (name: string, probe: Probe = infer): Victim => ({ name, command: `--services ${name}`, probe });
  return [
    service('gateway'),
    service('runner'),
    service('toll'),
    service('index'),
    service('governance', () => succeeds(operator.GET('/v1/governance/operators', {}))),
    service('registry', () => succeeds(client.GET('/v1/models', {}))),
    service('orchestrator', () => succeeds(operator.GET('/v1/placements', {}))),
    service('pod-host', read),
    service('bridge'),
    { name: 'a model’s process', command: 'model-child.js', probe: infer },
    { name: 'model server', command: 'model-server/main.js', probe: infer },
    { name: 'Redis', command: 'redis-server', probe: infer },
    { name: 'Postgres', command: 'bin/postgres -D', probe: infer },
  ];
}

function pidOf(cluster: Cluster, { command }: Victim): number | undefined {
  // Storage and services run under shells that guard them: the last in the tree is the process itself.
  return descendants(cluster.pid)
    .filter((pid) => commandOf(pid).includes(command) && !commandOf(pid).startsWith('/bin/sh'))
    .at(0);
}

/** What was answered was paid once, each at its price; what failed cost nothing. */
function reconcile(before: Books, after: Books, answered: number, priceMicro: bigint): string {
  const rows = after.usageEvents - before.usageEvents;
  const paid = before.balanceMicro - after.balanceMicro;
  const charged = Number(paid / priceMicro);
  if (paid % priceMicro !== 0n || charged < answered || charged > rows)
    throw new Error(`${answered} answers and ${rows} usage rows at ${priceMicro} cost ${paid}`);
  return `${answered} answers, ${rows} usage rows, ${charged} of them charged`;
}

/** Milliseconds from the kill to the first request that is served again, sent after it. */
async function recoveryMs(cluster: Cluster, victim: Victim): Promise<number> {
  const pid = pidOf(cluster, victim);
  if (pid === undefined) throw new Error(`there is no process ${victim.name}`);
  process.kill(pid, 'SIGKILL');
  const killedAt = performance.now();
  for (;;) {
    if (await victim.probe()) break;
    if (performance.now() - killedAt > patienceMs)
      throw new Error(`nothing was served after the kill of ${victim.name}`);
    await delay(10);
  }
  return performance.now() - killedAt;
}

/** Until the victim stands again and serves, and every service is ready: the next kill finds the cluster whole. */
async function wholeAgain(cluster: Cluster, victim: Victim): Promise<void> {
  const end = performance.now() + patienceMs;
  while (pidOf(cluster, victim) === undefined || !(await cluster.ready()) || !(await victim.probe())) {
    if (performance.now() > end) throw new Error(`${victim.name} did not come back`);
    await delay(100);
  }
}

/** One app a process under load: each process in turn is killed, and the first request served again is awaited. */
export async function run(options: BenchOptions): Promise<Figure[]> {
  options.progress('faults: starting the cluster, one app a process');
  const cluster = await startCluster({ flags: ['--processes'] });
  try {
    const person = await signUp(cluster);
    const asker = new Asker(person);
    const victims = await victimsOf(cluster, person, asker.infer);
    const { data: quote } = await person.client.POST('/v1/prices/quote', { body: ask });
    if (!quote) throw new Error('no price');
    const before = await settledBooks(cluster, person);
    const stopLoad = asker.lanes(lanes);
    const times = new Map<string, number>();
    const rounds = options.quick ? 1 : 3;
    for (let round = 0; round < rounds; round++) {
      for (const victim of victims) {
        await wholeAgain(cluster, victim);
        const tookMs = await recoveryMs(cluster, victim);
        times.set(victim.name, Math.max(times.get(victim.name) ?? 0, tookMs));
        options.progress(`faults: ${victim.name}: served again after ${(tookMs / 1_000).toFixed(2)} s`);
        await wholeAgain(cluster, victim);
      }
    }
    await stopLoad();
    const after = await settledBooks(cluster, person);
    const books = reconcile(before, after, asker.answered, BigInt(quote.amountMicro));
    const worst = Math.max(...times.values());
    const each = [...times].map(([name, ms]) => `${name} ${(ms / 1_000).toFixed(2)}`).join(', ');
    return [
      figureOf(options, {
        figure: 'faults.recovery_s',
        ours: worst / 1_000,
        better: 'lower',
        unit: 's',
        durable: true,
        notes:
          `from kill -9 to the first request served again, ${lanes} lanes of inferences all the while, the worst of ${rounds} a process: ${each}; ` +
          `${books}; bar 5`,
      }),
    ];
  } finally {
    await cluster.stop();
  }
}
