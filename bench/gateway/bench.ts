import autocannon from 'autocannon';
import { type Person, reconcile, settledBooks, signUp } from '../cluster/books.js';
import type { Cluster } from '../cluster/started-cluster.js';
import { alternate, type BenchOptions, type Figure, figureOf, median } from '../harness.js';
import { LoneRequests } from './latency.js';
import type { Target } from './lone-caller.js';
import { modelBody, modelPath } from './model-request.js';
import { type Mocks, type Peer, startBareProxy, startMockedCluster, startMocks, startPortkey } from './stack.js';

const model = 'watershed/language-id';
const requestBytes = 512;
/** Both sides have more to do than they can: neither waits for the client. */
const connections = 128;

/** Bodies of the same size for both: the text is as long as its envelope leaves room for. */
function padded(of: (text: string) => unknown): string {
  const sentence = 'Ogni persona ha diritto alla vita, alla liberta ed alla sicurezza della propria persona. ';
  const room = requestBytes - JSON.stringify(of('')).length;
  return JSON.stringify(of(sentence.repeat(Math.ceil(room / sentence.length)).slice(0, room)));
}

interface Load {
  readonly perSecond: number;
  readonly answered: number;
}

/** `durationMs` of load on `connections` connections. Throws where anything but 200 came back. */
async function load(target: Target, durationMs: number, tolerant = false): Promise<Load> {
  const result = await autocannon({
    ...target,
    method: 'POST',
    connections,
    duration: durationMs / 1_000,
    timeout: 20,
  });
  const wrong = result.errors + result.timeouts + result.non2xx;
  if (wrong > 0 && !tolerant) throw new Error(`${wrong} of ${result.requests.total} requests failed at ${target.url}`);
  return { perSecond: result['2xx'] / result.duration, answered: result['2xx'] };
}

/** Kills the processes that hold gateway and ledger in mid-load; every answer must be in the books afterwards. */
async function killInMidLoad(
  cluster: Cluster,
  person: Person,
  target: Target,
  options: BenchOptions,
  priceMicro: bigint,
) {
  const before = await settledBooks(cluster, person);
  const { core, gateway = core } = cluster.pids();
  if (core === undefined || gateway === undefined) throw new Error('the topology has no process "core"');
  const killed = new Promise<void>((resolve) => {
    setTimeout(() => {
      for (const pid of new Set([core, gateway])) process.kill(pid, 'SIGKILL');
      resolve();
    }, options.roundMs / 2);
  });
  const [{ answered }] = await Promise.all([load(target, options.roundMs, true), killed]);
  const end = performance.now() + 60_000;
  while (
    !(await fetch(`${cluster.url}/health/ready`).then(
      ({ ok }) => ok,
      () => false,
    ))
  ) {
    if (performance.now() > end) throw new Error('the cluster did not come back');
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return reconcile(before, await settledBooks(cluster, person), answered, priceMicro, 2 * connections);
}

export async function run(options: BenchOptions): Promise<Figure[]> {
  const stops: (() => Promise<void>)[] = [];
  const kept = <Part extends { stop(): Promise<void> }>(part: Part): Part => {
    stops.unshift(() => part.stop());
    return part;
  };
  try {
    const sized: Mocks = kept(await startMocks(900));
    options.progress('gateway: starting the cluster');
    const cluster: Cluster = kept(await startMockedCluster(sized.modelUrl));
    const person = await signUp(cluster);
    const ours: Target = {
      url: `${cluster.url}/v1/infer`,
      headers: { authorization: `Bearer ${person.secret}`, 'content-type': 'application/json' },
      body: padded((text) => ({ model, text })),
    };
    const first = await fetch(ours.url, { method: 'POST', headers: ours.headers, body: ours.body });
    const answerBytes = (await first.text()).length;
    const price = BigInt(first.headers.get('watershed-cost-micro') ?? '0');
    if (first.status !== 200 || price === 0n) throw new Error(`the first inference was answered with ${first.status}`);
    const bare = kept(await startBareProxy(sized.modelUrl, options.postgresUrl));
    const targets = { ours, bare: { ...ours, url: `${bare.url}/v1/infer` }, direct: directOf(ours, sized) };
    const lone = new LoneRequests(targets, options);
    const chat: Mocks = kept(await startMocks(answerBytes));
    const portkey: Peer | undefined = await startPortkey(options.progress);
    if (portkey) kept(portkey);
    const peer: Target | undefined = portkey && {
      url: `${portkey.url}/v1/chat/completions`,
      headers: {
        'content-type': 'application/json',
        authorization: 'Bearer mock',
        'x-portkey-provider': 'openai',
        'x-portkey-custom-host': `${chat.chatUrl}/v1`,
      },
      body: padded((content) => ({ model: 'mock', messages: [{ role: 'user', content }] })),
    };
    // The same under load, longer than a round, because it is spread over two processes of ours.
    await load(ours, options.roundMs * 3);
    if (peer) await load(peer, options.roundMs * 3);
    await lone.warmUp(options.quick ? 1_000 : 4_000);
    const before = await settledBooks(cluster, person);
    let answered = 0;
    const oursOnce = async () => {
      const quiet = await settledBooks(cluster, person);
      const alone = await lone.round();
      reconcile(quiet, await settledBooks(cluster, person), alone, price, 0);
      const round = await load(ours, options.roundMs);
      answered += alone + round.answered;
      return round.perSecond;
    };
    const throughput = peer
      ? await alternate(options, 'gateway', oursOnce, async () => (await load(peer, options.roundMs)).perSecond)
      : { ours: median(await repeated(options.rounds, oursOnce)), peer: null, oursRounds: [], peerRounds: [] };
    const books = reconcile(before, await settledBooks(cluster, person), answered, price, options.rounds * connections);
    options.progress(`gateway: ${books}`);
    const added = lone.added();
    const afterKill = await killInMidLoad(cluster, person, ours, options, price);
    options.progress(`gateway: after kill -9 in mid-load: ${afterKill}`);
    return [
      figureOf(options, {
        figure: 'gateway.throughput_rps',
        ours: throughput.ours,
        peer: throughput.peer,
        peerName: portkey ? `@portkey-ai/gateway ${portkey.version}` : null,
        better: 'higher',
        unit: 'requests/s',
        durable: true,
        notes:
          `npm start's topology, ${connections} connections, bodies of ${requestBytes} and ${answerBytes} bytes on both sides, upstreams mocked and equally fast; ` +
          'ours authenticates, limits, checks policy, holds budget, crosses two processes and Redis and has its usage row committed before each answer, the peer does none of these; ' +
          `bar 3, goal 5; ${books}; after a kill -9 in mid-load: ${afterKill}`,
      }),
      figureOf(options, {
        figure: 'gateway.added_p50_ms',
        ours: added.oursMs,
        peer: added.bareMs,
        peerName: "a bare node:http proxy that inserts one row beside the model server's answer",
        better: 'lower',
        unit: 'ms',
        durable: true,
        notes:
          `one request at a time, between the rounds of the other figure: ${added.note}; the proxy knows no key, limit, policy, ` +
          'budget, runner or ledger; alone, a request finds its code and data out of the caches, which six processes share; bar 2',
      }),
    ];
  } finally {
    for (const stop of stops) await stop();
  }
}

/** The model server itself, asked for what the gateway asks it for. */
function directOf(ours: Target, mocks: Mocks): Target {
  const { text } = JSON.parse(ours.body) as { text: string };
  const headers = { 'content-type': 'application/json' };
  return { url: `${mocks.modelUrl}${modelPath}`, headers, body: modelBody(text) };
}

async function repeated(times: number, once: () => Promise<number>): Promise<number[]> {
  const values: number[] = [];
  for (let n = 0; n < times; n++) values.push(await once());
  return values;
}
