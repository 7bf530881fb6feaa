import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ServiceName } from '#contracts';
import { stopOrphan, stopStrayPostgres, stopStrayRedis } from '#local-services';
import type { DataFolder } from './data-folder.js';
import type { InitialiseOutcome, InitialiseRequest } from './initialise.js';
import { modelServerSettings } from './model-server-settings.js';
import { NodeProcess } from './node-process.js';
import type { StartOptions } from './options.js';
import { checkPorts, metricsPort, type PortName, portOf, portOffsets } from './ports.js';
import type { Screen } from './screen.js';
import { drainTimeoutMs, serviceEnv } from './service-env.js';
import { StartError } from './start.errors.js';
import { openStorage, type Storage } from './storage.js';

interface Topology {
  readonly processes: readonly { readonly name: string; readonly services: readonly ServiceName[] }[];
}

/** Where a cluster that runs on this machine can be found; `doctor`, `demo` and the command line read it. */
export interface RunningCluster {
  readonly pid: number;
  readonly port: number;
  readonly gatewayUrl: string;
  /** SHA-256 of its certificate, where it speaks TLS. */
  readonly gatewayFingerprint?: string;
  readonly clusterId: string;
  readonly processes: readonly { readonly name: string; readonly pid: number; readonly metricsPort: number }[];
}

/** Every process of a cluster: see `scripts/bundle.mjs`. */
const hostScript = 'dist/bundle/host.js';

/** How long a process has for its drain and for closing what it holds before it is killed. */
const graceMs = drainTimeoutMs + 5_000;

/** All processes of one cluster on one machine, from nothing to ready and back to nothing. */
export class Cluster {
  /** SHA-256 of the gateway's certificate, where it was given one; known once `start` was called. */
  gatewayFingerprint: string | undefined;
  private opening: Promise<Storage> | undefined;
  private processes: NodeProcess[] = [];
  private preparing: ChildProcess | undefined;
  private readonly settingUp = new AbortController();
  private stopping = false;
  private readonly topology: Topology;

  constructor(
    private readonly root: string,
    private readonly options: StartOptions,
    private readonly data: DataFolder,
    private readonly screen: Screen,
  ) {
    this.topology = JSON.parse(readFileSync(join(root, 'topology', `${options.topology}.json`), 'utf8')) as Topology;
  }

  get gatewayUrl(): string {
    return `${this.gatewayFingerprint ? 'https' : 'http'}://127.0.0.1:${portOf('gateway', this.options.port)}`;
  }

  async start(): Promise<void> {
    const { port } = this.options;
    this.stopOrphans();
    const { DATABASE_URL, REDIS_URL, GATEWAY_TLS_CERT_FILE } = process.env;
    // What the operator wrote first: no port that is freed mends it. Loaded where it is wanted: the launcher stays, and
    // speaks to nobody but its own gateway.
    if (GATEWAY_TLS_CERT_FILE)
      this.gatewayFingerprint = await (await import('./gateway-certificate.js')).believeOwnGateway(process.env);
    const named = DATABASE_URL || REDIS_URL ? await (await import('./named-storage.js')).namedStorage(process.env) : {};
    const taken = (Object.keys(portOffsets) as PortName[]).filter(
      (name) => !(name === 'postgres' && DATABASE_URL) && !(name === 'redis' && REDIS_URL),
    );
    await checkPorts(port, taken);
    const modelServer = await modelServerSettings({
      root: this.root,
      triton: this.options.triton,
      screen: this.screen,
      signal: this.settingUp.signal,
    });
    if (this.stopping) return;
    this.opening = openStorage({
      data: this.data,
      root: this.root,
      basePort: port,
      ...named,
      screen: this.screen,
    });
    const storage = await this.opening;
    if (this.stopping) return;
    this.screen.progress('Postgres and Redis answer');
    const prepared = await this.initialise({
      dataFolder: this.data.path,
      adminUrl: storage.databaseUrl,
      databaseSecret: this.data.secrets().databaseSecret,
      redisUrl: storage.redisUrl,
    });
    this.screen.progress(
      prepared.applied.length > 0 ? `database migrated (${prepared.applied.length} migrations)` : 'database up to date',
    );
    if (prepared.sharedRedis) {
      this.screen.problem(`Redis: ${prepared.sharedRedis}, so all nodes share its login and must be one operator's`);
    }
    if (this.stopping) return;
    const identity = this.data.identitySettings(this.options);
    this.processes = this.topology.processes.map(
      ({ name, services }, index) =>
        new NodeProcess({
          name,
          script: join(this.root, hostScript),
          args: ['--services', services.join(',')],
          env: serviceEnv({
            services,
            clusterId: prepared.clusterId,
            clusterName: identity.name,
            region: identity.region,
            dataFolder: this.data.path,
            redisUrl: storage.redisUrl,
            redisUrls: prepared.redisUrls,
            databaseUrls: prepared.databaseUrls,
            basePort: port,
            metricsPort: metricsPort(index, port),
            inherited: { ...process.env, ...modelServer },
          }),
          logFile: this.data.file('logs', `${name}.log`),
          graceMs,
          onLine: (line) => this.screen.problem(line),
        }),
    );
    for (const child of this.processes) child.start();
    this.screen.progress(
      `${this.processes.length} processes started: ${this.processes.map(({ name }) => name).join(', ')}`,
    );
    await this.untilReady();
    this.record(prepared.clusterId);
    this.screen.progress('gateway ready');
  }

  /**
   * The gateway first: it finishes what is in flight while all it needs still runs. Last those to whom the others say
   * good-bye: governance, then the index, then Redis.
   */
  async stop(): Promise<void> {
    this.stopping = true;
    // Interrupted in the middle of a start: a migration is a transaction, its process may end at any instant.
    this.preparing?.kill('SIGKILL');
    this.settingUp.abort();
    const stages: NodeProcess[][] = [[], [], []];
    for (const [index, child] of this.processes.entries()) {
      const services = this.topology.processes[index]?.services ?? [];
      if (services.includes('gateway')) await (services.length === 1 ? child.stop() : child.drain('gateway'));
      stages[services.includes('index') ? 2 : services.includes('governance') ? 1 : 0]?.push(child);
    }
    for (const stage of stages) await Promise.all(stage.map((child) => child.stop()));
    // What was still being opened when we were told to stop is closed, too.
    const storage = await this.opening?.catch(() => undefined);
    await storage?.stop();
    rmSync(this.data.file('running.json'), { force: true });
  }

  private record(clusterId: string): void {
    const running: RunningCluster = {
      pid: process.pid,
      port: this.options.port,
      gatewayUrl: this.gatewayUrl,
      ...(this.gatewayFingerprint ? { gatewayFingerprint: this.gatewayFingerprint } : {}),
      clusterId,
      processes: this.processes.map((child, index) => ({
        name: child.name,
        pid: child.pid ?? -1,
        metricsPort: metricsPort(index, this.options.port),
      })),
    };
    writeFileSync(this.data.file('running.json'), `${JSON.stringify(running, null, 2)}\n`, { mode: 0o600 });
    // For Prometheus's file_sd; it stays when the cluster stops, so that a cluster that is down is seen to be.
    const targets = running.processes.map(({ name, metricsPort: own }) => ({
      targets: [`127.0.0.1:${own}`],
      labels: { process: name },
    }));
    writeFileSync(this.data.file('prometheus-targets.json'), `${JSON.stringify(targets, null, 2)}\n`);
  }

  /** What a run that was killed had started ends by its pipe or its guard; this is for what lost even that. */
  private stopOrphans(): void {
    // Before the ports are looked at, which they hold.
    stopStrayRedis(this.data.file('redis'));
    stopStrayPostgres(this.data.file('postgres'));
    const file = this.data.file('running.json');
    if (!existsSync(file)) return;
    let earlier: Partial<RunningCluster> = {};
    try {
      earlier = JSON.parse(readFileSync(file, 'utf8')) as Partial<RunningCluster>;
    } catch {
      rmSync(file, { force: true });
    }
    for (const { pid } of earlier.processes ?? []) {
      const pidFile = this.data.file('orphan.pid');
      writeFileSync(pidFile, String(pid));
      if (stopOrphan(pidFile, hostScript)) this.screen.progress(`ended process ${pid} of an earlier run`);
      rmSync(pidFile, { force: true });
    }
    rmSync(file, { force: true });
  }

  private async initialise(request: InitialiseRequest): Promise<Extract<InitialiseOutcome, { ok: true }>> {
    const child = spawn(process.execPath, [join(this.root, 'dist/bundle/initialise.js')], {
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
    });
    this.preparing = child;
    child.stdin.on('error', () => undefined);
    child.stdin.end(JSON.stringify(request));
    let output = '';
    let complaint = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      complaint += text;
    });
    await new Promise((resolve) => child.once('close', resolve));
    const line = output.trim().split('\n').pop() ?? '';
    if (!line.startsWith('{')) {
      const reason = complaint.trim().split('\n').pop() ?? 'no reason given';
      throw new StartError('service_failed', `The cluster could not be prepared: ${reason}`);
    }
    const outcome = JSON.parse(line) as InitialiseOutcome;
    if (outcome.ok) return outcome;
    throw new StartError(outcome.code === 'data_newer' ? 'data_newer' : 'service_failed', outcome.message);
  }

  private async untilReady(): Promise<void> {
    const end = performance.now() + 90_000;
    let lacking = '';
    while (performance.now() < end && !this.stopping) {
      try {
        const response = await fetch(`${this.gatewayUrl}/health/ready`, { signal: AbortSignal.timeout(2_000) });
        if (response.ok) return;
        lacking = (await response.text()).slice(0, 300);
      } catch (error) {
        lacking = error instanceof Error ? error.message : String(error);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new StartError(
      'not_ready',
      `The gateway was not ready within 90 s (${lacking}); logs: ${this.data.file('logs')}`,
    );
  }
}
