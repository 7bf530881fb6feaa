import { existsSync, readFileSync } from 'node:fs';
import { createClient } from '#client';
import { eventually } from '#testing';
import { type Ask, load, reconcile, type Tally } from './books.js';
import { StartedCluster, type StartOptions } from './started-cluster.js';

/** What a client may be told while a part of the cluster is away: each says that asking again later is right. */
export const passing: readonly string[] = [
  'bus_unavailable',
  'database_unavailable',
  'deadline_exceeded',
  'model_not_ready',
  'model_server_unavailable',
  'no_node_available',
  'node_unreachable',
  'overloaded',
  'shutting_down',
];

export const services = [
  'gateway',
  'toll',
  'runner',
  'index',
  'governance',
  'registry',
  'orchestrator',
  'pod-host',
  'bridge',
] as const;

/** One app a process, a person with means, and the ways to find each process of it. */
export class FaultedCluster {
  readonly ask: Ask = (...request) => this.cluster.request(...request);

  private constructor(
    readonly cluster: StartedCluster,
    readonly key: string,
    private readonly givenMicro: bigint,
  ) {}

  static async start(options: StartOptions = {}): Promise<FaultedCluster> {
    const cluster = await StartedCluster.start({
      ...options,
      flags: ['--processes'],
      env: {
        GATEWAY_RATE_PER_PERSON: '1000000',
        GATEWAY_RATE_PER_ADDRESS: '1000000',
        RUNNER_INFER_TIMEOUT_MS: '5000',
        // Whoever sends SIGUSR1 to a process may look into it, at a port that nobody else has.
        NODE_OPTIONS: '--inspect-port=0',
        ...options.env,
      },
    });
    const key = await cluster.signUp();
    const { person } = (await cluster.request('GET', '/v1/me', key)).body as { person: { personId: string } };
    const grant = { personId: person.personId, amountMicro: '1000000000', memo: 'enough for the load' };
    const granted = await cluster.request('POST', '/v1/grants', cluster.operatorKey, grant);
    expect(granted.status).toBe(201);
    return new FaultedCluster(cluster, key, BigInt((granted.body as { balanceMicro: string }).balanceMicro));
  }

  infer() {
    return this.cluster.request('POST', '/v1/infer', this.key, {
      model: 'watershed/language-id',
      text: 'Gdzie jest najbliższa studnia?',
    });
  }

  async serves(timeoutMs = 30_000): Promise<void> {
    await eventually(async () => expect((await this.infer()).status).toBe(200), { timeoutMs });
  }

  /** Until the index has every service among those that are alive. */
  async whole(timeoutMs = 30_000): Promise<void> {
    await eventually(
      async () => {
        const { body } = await this.ask('GET', '/v1/nodes?limit=200', this.cluster.operatorKey);
        const { items } = body as { items: { health: string; manifest: { services: string[] } }[] };
        const alive = items.filter(({ health }) => health === 'alive').flatMap(({ manifest }) => manifest.services);
        expect(alive.sort()).toEqual([...services].sort());
      },
      { timeoutMs, intervalMs: 100 },
    );
  }

  load(lanes = 4) {
    return load(this.ask, this.key, lanes);
  }

  async reconcile(answered: ReadonlySet<string>): Promise<void> {
    const person = { key: this.key, givenMicro: this.givenMicro };
    const operator = createClient({ url: this.cluster.url, credential: this.cluster.operatorKey });
    await reconcile(this.ask, person, operator, answered);
  }

  /**
   * `fault` in the middle of a load. The cluster then serves again without a hand, within `recoveryMs` of the fault's end;
   * what was answered is booked once, and who was not answered was told why in a way that a client can act on.
   */
  async survives(
    fault: () => Promise<void>,
    { recoveryMs = 30_000, told = passing }: { readonly recoveryMs?: number; readonly told?: readonly string[] } = {},
  ): Promise<Tally> {
    await this.serves();
    const traffic = this.load();
    let tally: Tally;
    try {
      await eventually(() => expect(traffic.answered()).toBeGreaterThan(3), { timeoutMs: 30_000 });
      await fault();
      await this.serves(recoveryMs);
      await this.whole();
      const before = traffic.answered();
      await eventually(() => expect(traffic.answered()).toBeGreaterThan(before), { timeoutMs: 30_000 });
    } finally {
      tally = await traffic.stop();
    }
    expect([...tally.refused.keys()].filter((code) => !told.includes(code))).toEqual([]);
    await this.reconcile(tally.answered);
    return tally;
  }

  /** A service's process; -1 while it is being started again. */
  pidOf(service: string): number {
    return this.cluster.processes().find(({ command }) => command.includes(`--services ${service}`))?.pid ?? -1;
  }

  /** The storage server's own process, not the shell that guards it. */
  storagePid(name: 'Redis' | 'Postgres'): number {
    const file = name === 'Redis' ? ['redis', 'redis.pid'] : ['postgres', 'postmaster.pid'];
    return Number(readFileSync(this.cluster.seen(...file), 'utf8').split('\n')[0]);
  }

  private secrets(): { postgresPassword: string; redisPassword: string } {
    return JSON.parse(readFileSync(this.cluster.seen('secrets.json'), 'utf8'));
  }

  /** With the login that may do anything there. */
  get redisUrl(): string {
    return `redis://:${this.secrets().redisPassword}@127.0.0.1:${this.cluster.port + 2}`;
  }

  /** With the login that may do anything there. */
  get databaseUrl(): string {
    return `postgres://postgres:${this.secrets().postgresPassword}@127.0.0.1:${this.cluster.port + 1}/postgres`;
  }

  /** What a process has written to its log so far. */
  logOf(service: string): string {
    const file = this.cluster.seen('logs', `${service}.log`);
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  }

  async stop(): Promise<void> {
    await this.cluster.stop();
    this.cluster.removeData();
  }
}
