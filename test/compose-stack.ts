import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '#local-services';
import { eventually } from '#testing';
import { fixedProcessLimits, servicesIn } from '../scripts/compose/process-limits.js';
import { writeSecrets } from '../scripts/compose/secrets.js';
import { type ContainerEngine, type Ran, run } from './container-engine.js';
import { root } from './started-cluster.js';

/** More requests than a test's load makes, and the limits of an engine that runs inside a container. */
function override(services: readonly string[]): string {
  const nproc = fixedProcessLimits();
  const rates = { GATEWAY_RATE_PER_PERSON: 1_000_000, GATEWAY_RATE_PER_ADDRESS: 1_000_000 };
  const each = services.map((name) => [
    name,
    { ...(nproc ? { ulimits: { nproc } } : {}), ...(name === 'gateway' ? { environment: rates } : {}) },
  ]);
  return JSON.stringify({ services: Object.fromEntries(each) });
}

export const everyProfile = ['gpu', 'tools', 'monitoring'].flatMap((name) => ['--profile', name]);

async function whereIs(program: string): Promise<string> {
  return (await run('sh', ['-c', `command -v ${program}`])).stdout.trim();
}

/** The compose stack under a name of its own, from its secrets to its last volume. */
export class ComposeStack {
  readonly project = `watershed-test-${process.pid}`;
  readonly dataFolder: string;
  private standIn = false;
  private constructor(
    private readonly engine: ContainerEngine,
    private readonly folder: string,
    readonly port: number,
    readonly prometheusPort: number,
  ) {
    this.dataFolder = join(folder, 'data');
  }

  static async prepare(engine: ContainerEngine): Promise<ComposeStack> {
    const folder = mkdtempSync(join(tmpdir(), 'watershed-compose-'));
    const port = await freePort();
    const stack = new ComposeStack(engine, folder, port, await freePort());
    writeSecrets(stack.envFile, join(root, 'docker/.env.example'));
    writeFileSync(
      join(folder, 'override.yml'),
      override(servicesIn(readFileSync(join(root, 'docker/compose.yml'), 'utf8'))),
    );
    return stack;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Of this test alone, so that it never takes the place of one that is in use. */
  get image(): string {
    return `watershed:${this.project}`;
  }

  /** Stands in for Prometheus' own image, which this machine may lack while it has the program. */
  get prometheusImage(): string {
    return `localhost/prometheus:${this.project}`;
  }

  get envFile(): string {
    return join(this.folder, 'env');
  }

  /** A compose command on this stack. */
  compose(args: readonly string[], envFile = this.envFile): Promise<Ran> {
    const [program, ...first] = this.engine.compose;
    const files = ['-f', join(root, 'docker/compose.yml'), '-f', join(this.folder, 'override.yml')];
    const all = [...first, '-p', this.project, '--env-file', envFile, ...files, ...args];
    // Not in the checkout: where a stack was brought up, podman leaves a file when one of its containers took too much.
    return run(program, all, this.environment(), this.folder);
  }

  /** Nothing of the surrounding shell may stand in for a setting of the stack. */
  private environment(): NodeJS.ProcessEnv {
    const kept = Object.entries(process.env).filter(
      ([name]) => !/^(WATERSHED_|POSTGRES_|REDIS_|GATEWAY_|COMPOSE_|JEST_|NODE_OPTIONS$)/.test(name),
    );
    return {
      ...Object.fromEntries(kept),
      WATERSHED_PORT: String(this.port),
      WATERSHED_PUBLIC_URL: this.url,
      WATERSHED_IMAGE: this.image,
      PROMETHEUS_PORT: String(this.prometheusPort),
      ...(this.standIn ? { PROMETHEUS_IMAGE: this.prometheusImage } : {}),
    };
  }

  /** Builds an image around this machine's own Prometheus, on `base`, to be used from now on. */
  async standInForPrometheus(base: string): Promise<void> {
    const context = join(this.folder, 'prometheus');
    mkdirSync(join(context, 'empty'), { recursive: true });
    for (const name of ['prometheus', 'promtool']) copyFileSync(await whereIs(name), join(context, name));
    writeFileSync(
      join(context, 'Dockerfile'),
      `FROM ${base}\nCOPY prometheus promtool /bin/\nCOPY --chown=nobody empty /prometheus\nENTRYPOINT ["/bin/prometheus"]\n`,
    );
    await this.ask(['build', '-t', this.prometheusImage, context]);
    this.standIn = true;
  }

  /** @throws where the engine answers with anything but 0. */
  async ask(args: readonly string[]): Promise<string> {
    const { code, stdout, output } = await run(this.engine.command, args, process.env, this.folder);
    if (code !== 0) throw new Error(`${this.engine.command} ${args.join(' ')}: ${output}`);
    return stdout.trim();
  }

  /** What `format` says of each container of the stack, of one service where it is named. */
  async containers(format: string, service?: string): Promise<string[]> {
    const filters = [`project=${this.project}`, ...(service ? [`service=${service}`] : [])];
    const labels = filters.flatMap((each) => ['--filter', `label=com.docker.compose.${each}`]);
    return (await this.ask(['ps', '-a', ...labels, '--format', format])).split('\n').filter(Boolean);
  }

  async containerOf(service: string): Promise<string> {
    const [name] = await this.containers('{{.Names}}', service);
    if (!name) throw new Error(`the stack has no container ${service}`);
    return name;
  }

  /** Runs JavaScript in a service's container; what it prints. */
  async evaluate(service: string, code: string): Promise<string> {
    return this.ask(['exec', await this.containerOf(service), 'node', '-e', code]);
  }

  /** Asks for the health check of a container, which not every engine runs by itself. */
  async isHealthy(service: string): Promise<boolean> {
    const name = await this.containerOf(service);
    if (this.engine.command === 'podman') return (await run('podman', ['healthcheck', 'run', name])).code === 0;
    return (await this.ask(['inspect', '--format', '{{.State.Health.Status}}', name])) === 'healthy';
  }

  async up(profiles: readonly string[] = []): Promise<void> {
    const { code, output } = await this.compose([...profiles.flatMap((name) => ['--profile', name]), 'up', '-d']);
    if (code !== 0) throw new Error(`the stack does not come up:\n${output.slice(-4_000)}`);
    await eventually(async () => (await fetch(`${this.url}/health/ready`)).ok, { timeoutMs: 180_000, intervalMs: 500 });
    mkdirSync(join(this.dataFolder, 'operator'), { recursive: true, mode: 0o700 });
    const key = await this.ask(['exec', await this.containerOf('gateway'), 'cat', '/operator/api-key']);
    writeFileSync(join(this.dataFolder, 'operator', 'api-key'), key, { mode: 0o600 });
  }

  /** The last lines of every container, for a test that failed. */
  async logs(): Promise<string> {
    const names = await this.containers('{{.Names}}');
    const tails = names.map(async (name) => {
      return `--- ${name}\n${(await run(this.engine.command, ['logs', '--tail', '15', name])).output}`;
    });
    return (await Promise.all(tails)).join('\n');
  }

  /** Takes everything down; what is still there afterwards, by name. */
  async down(): Promise<string[]> {
    await this.compose(['stop', 'gateway']);
    await this.compose([...everyProfile, 'down', '--volumes']);
    const [volumes, networks, containers] = await Promise.all([
      this.ask(['volume', 'ls', '-q']),
      this.ask(['network', 'ls', '--format', '{{.Name}}']),
      this.containers('{{.Names}}'),
    ]);
    const ours = `${volumes}\n${networks}`.split('\n').filter((name) => name.startsWith(this.project));
    return [...ours, ...containers];
  }

  /** Also what `down` keeps: the image and this test's files. */
  async remove(): Promise<void> {
    for (const image of [this.image, ...(this.standIn ? [this.prometheusImage] : [])])
      await run(this.engine.command, ['rmi', '-f', image]);
    rmSync(this.folder, { recursive: true, force: true });
  }
}
