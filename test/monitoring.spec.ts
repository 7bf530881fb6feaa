import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { metricsPort } from '../scripts/compose/container/containers.js';
import { checks } from '../scripts/doctor/checks.js';
import { Api } from '../scripts/watershed/api.js';
import { metricNamesIn, monitoringFolder, monitoringYaml, queriesOfDashboard, rules } from './monitoring-files.js';

const page = readFileSync(join(monitoringFolder, '..', 'docs', 'operations.md'), 'utf8');
const context = { dataFolder: '/nowhere', url: 'http://127.0.0.1:1' };
const doctor = checks({ ...context, api: new Api(context) });
const inStack = checks({ ...context, api: new Api(context), stack: [] });

describe('what watches a cluster', () => {
  it('has an alert for everything that the doctor can find wrong, and a check for every alert', () => {
    const watched = rules().map(({ alert, annotations }) => [annotations.doctor, alert]);
    expect(watched.sort()).toEqual(doctor.map(({ name, alert }) => [name, alert]).sort());
    // In a stack, too, whose folders it cannot look into itself.
    expect(inStack.map(({ name, alert }) => [name, alert]).sort()).toEqual(watched);
  });

  it('says what to do about each alert, in a paragraph and not in a word', () => {
    const paragraphs = new Map(
      page
        .split(/^### /m)
        .slice(1)
        .map((part) => [part.split('\n', 1)[0], part.split('\n').slice(1).join(' ').split('\n## ', 1)[0] ?? '']),
    );
    expect([...paragraphs.keys()].sort()).toEqual(
      rules()
        .map(({ alert }) => alert)
        .sort(),
    );
    for (const [, text] of paragraphs) expect(text.trim().length).toBeGreaterThan(150);
  });

  it('tries every rule in the test of rules, once firing and once not', () => {
    const tried = monitoringYaml('alerts.test.yml') as {
      tests: { alert_rule_test: { alertname: string; exp_alerts: unknown[] }[] }[];
    };
    const outcomes = tried.tests.flatMap((each) => each.alert_rule_test);
    const fired = (expected: boolean) =>
      outcomes
        .filter(({ exp_alerts }) => exp_alerts.length > 0 === expected)
        .map(({ alertname }) => alertname)
        .sort();
    const all = rules()
      .map(({ alert }) => alert)
      .sort();
    expect([fired(true), fired(false)]).toEqual([all, all]);
  });

  it('reads the names of metrics out of queries', () => {
    const query = 'histogram_quantile(0.9, sum by (le, route) (rate(watershed_a_seconds_bucket{b="watershed_c"}[5m])))';
    expect(metricNamesIn(query)).toEqual(['watershed_a_seconds']);
    expect(queriesOfDashboard().length).toBeGreaterThan(20);
  });

  it('scrapes every service of the topology in the compose stack', () => {
    const config = monitoringYaml('prometheus.compose.yml') as {
      scrape_configs: {
        static_configs: { targets: string[] }[];
        dns_sd_configs: { names: string[]; port: number }[];
      }[];
    };
    const topology = JSON.parse(
      readFileSync(join(monitoringFolder, '..', 'topology', 'one-app-a-process.json'), 'utf8'),
    ) as { processes: { name: string }[] };
    const hosts = config.scrape_configs[0]?.static_configs[0]?.targets.map((target) => target.split(':')[0]);
    expect(hosts?.sort()).toEqual(topology.processes.map(({ name }) => name).sort());
    expect(config.scrape_configs[0]?.dns_sd_configs).toEqual([{ names: ['runner-gpu'], type: 'A', port: metricsPort }]);
  });
});
