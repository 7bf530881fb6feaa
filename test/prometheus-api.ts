import { spawnSync } from 'node:child_process';

interface Series {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}

/** Whether this machine has Prometheus and the tool that comes with it. */
export const prometheusIsHere = (): boolean =>
  ['prometheus', 'promtool'].every((command) => spawnSync(command, ['--version']).status === 0);

/** What tests ask a running Prometheus. */
export class PrometheusApi {
  constructor(private readonly url: string) {}

  private async ask<Data>(path: string): Promise<Data> {
    const response = await fetch(`${this.url}/api/v1/${path}`);
    const body = (await response.json()) as { status: string; data: Data; error?: string };
    if (body.status !== 'success') throw new Error(`${path}: ${body.error}`);
    return body.data;
  }

  async query(expr: string): Promise<Series[]> {
    return (await this.ask<{ result: Series[] }>(`query?query=${encodeURIComponent(expr)}`)).result;
  }

  /** Each process that is scraped, how it is, and why not better; in the order of names. */
  async targets(): Promise<[process: string, health: string, lastError: string][]> {
    const { activeTargets } = await this.ask<{
      activeTargets: { health: string; labels: { process: string }; lastError: string }[];
    }>('targets');
    return activeTargets
      .map(({ labels, health, lastError }): [string, string, string] => [labels.process, health, lastError])
      .sort();
  }

  /** Each rule, whether it could be judged, and how it was; in the order of names. */
  async rules(): Promise<[name: string, health: string, state: string][]> {
    const { groups } = await this.ask<{ groups: { rules: { name: string; health: string; state: string }[] }[] }>(
      'rules',
    );
    return groups
      .flatMap((group) => group.rules)
      .map(({ name, health, state }): [string, string, string] => [name, health, state])
      .sort();
  }

  async metricNames(): Promise<ReadonlySet<string>> {
    return new Set(Object.keys(await this.ask<Record<string, unknown>>('metadata')));
  }
}
