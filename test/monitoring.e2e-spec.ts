import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '#local-services';
import { eventually, optionalTool } from '#testing';
import { metricNamesIn, monitoringFolder, queriesOfDashboard, rules } from './monitoring-files.js';
import { PrometheusApi, prometheusIsHere } from './prometheus-api.js';
import { StartedCluster } from './started-cluster.js';

const minutes = (n: number) => n * 60_000;
const absence = prometheusIsHere() ? undefined : 'no prometheus and promtool on the PATH';

const run = (command: string, args: readonly string[]) => {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  return { status, output: `${stdout}${stderr}` };
};

optionalTool('prometheus', absence).describe('Prometheus', () => {
  let cluster: StartedCluster;
  let folder: string;
  let prometheus: ChildProcess;
  let api: PrometheusApi;
  const query = (expr: string) => api.query(expr);

  /** The shipped file, but for the cluster's folder and the interval. */
  const configured = (name: string): string => {
    const shipped = readFileSync(join(monitoringFolder, name), 'utf8');
    const changed = shipped
      .replace('../.watershed/data/prometheus-targets.json', join(cluster.dataFolder, 'prometheus-targets.json'))
      .replaceAll('15s', '1s');
    expect(changed).not.toContain('.watershed/data');
    return changed;
  };

  const running = () =>
    (
      JSON.parse(readFileSync(join(cluster.dataFolder, 'running.json'), 'utf8')) as {
        processes: { name: string; pid: number }[];
      }
    ).processes;

  beforeAll(async () => {
    cluster = await StartedCluster.start();
    folder = mkdtempSync(join(tmpdir(), 'watershed-prometheus-'));
    writeFileSync(join(folder, 'prometheus.yml'), configured('prometheus.yml'));
    copyFileSync(join(monitoringFolder, 'alerts.yml'), join(folder, 'alerts.yml'));
    const port = await freePort();
    api = new PrometheusApi(`http://127.0.0.1:${port}`);
    prometheus = spawn(
      'prometheus',
      [
        ...['--config.file', join(folder, 'prometheus.yml'), '--storage.tsdb.path', join(folder, 'data')],
        ...['--web.listen-address', `127.0.0.1:${port}`, '--log.level', 'error'],
      ],
      { stdio: 'ignore' },
    );
    const key = await cluster.signUp();
    const infer = () =>
      cluster.request('POST', '/v1/infer', key, { model: 'watershed/language-id', text: 'Il ruscello è in piena.' });
    // A rate wants two scrapes, and something that happened between them.
    await eventually(
      async () => {
        expect((await infer()).status).toBe(200);
        expect(await query('rate(watershed_runner_inference_seconds_count[1m]) > 0')).not.toEqual([]);
      },
      { timeoutMs: 30_000, intervalMs: 500 },
    );
  }, minutes(4));

  afterAll(async () => {
    if (prometheus && prometheus.exitCode === null) {
      const ended = new Promise((resolve) => prometheus.once('exit', resolve));
      prometheus.kill('SIGTERM');
      await ended;
    }
    await cluster?.stop();
    cluster?.removeData();
    if (folder) rmSync(folder, { recursive: true, force: true });
  }, minutes(1));

  it('finds every process of the cluster, and none of the alerts', async () => {
    expect(await api.targets()).toEqual(
      running()
        .map(({ name }) => [name, 'up', ''])
        .sort(),
    );
    expect(await api.rules()).toEqual(
      rules()
        .map(({ alert }) => [alert, 'ok', 'inactive'])
        .sort(),
    );
  });

  // A rate needs two looks at its counter, and who looks decides when.
  it(
    'answers every query of the dashboard with something',
    async () => {
      for (const expr of queriesOfDashboard())
        await eventually(
          async () => expect({ expr, series: (await query(expr)).length }).not.toEqual({ expr, series: 0 }),
          {
            timeoutMs: 30_000,
          },
        );
    },
    minutes(2),
  );

  it('knows every metric that the dashboard and the rules read', async () => {
    const read = [...queriesOfDashboard(), ...rules().map(({ expr }) => expr)].flatMap(metricNamesIn);
    expect(read.length).toBeGreaterThan(30);
    const known = await api.metricNames();
    expect(read.filter((name) => !known.has(name))).toEqual([]);
  });

  it('sees a process that is gone', async () => {
    const runner = running().find(({ name }) => name === 'runner');
    process.kill(runner?.pid ?? 0, 'SIGSTOP');
    const silent = async () => (await query('up{job="watershed"} == 0'))[0] ?? false;
    const down = await eventually(silent, { timeoutMs: 20_000 });
    process.kill(runner?.pid ?? 0, 'SIGCONT');
    expect(down).toMatchObject({ metric: { process: 'runner' } });
    await eventually(async () => (await silent()) === false, { timeoutMs: 20_000 });
  }, 60_000);

  it('finds the shipped files sound, and every rule firing when it should', () => {
    for (const name of ['prometheus.yml', 'prometheus.compose.yml'])
      expect(run('promtool', ['check', 'config', join(monitoringFolder, name)])).toMatchObject({ status: 0 });
    expect(run('promtool', ['test', 'rules', join(monitoringFolder, 'alerts.test.yml')])).toMatchObject({ status: 0 });
  });
});
