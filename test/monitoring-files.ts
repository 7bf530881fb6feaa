import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { load } from 'js-yaml';
import { root } from './started-cluster.js';

export const monitoringFolder = join(root, 'monitoring');

export interface AlertRule {
  readonly alert: string;
  readonly expr: string;
  readonly annotations: { readonly doctor: string; readonly summary: string };
}

export const monitoringYaml = (name: string): unknown => load(readFileSync(join(monitoringFolder, name), 'utf8'));

export function rules(): AlertRule[] {
  return (monitoringYaml('alerts.yml') as { groups: { rules: AlertRule[] }[] }).groups.flatMap((group) => group.rules);
}

export function queriesOfDashboard(): string[] {
  const dashboard = JSON.parse(readFileSync(join(monitoringFolder, 'grafana-dashboard.json'), 'utf8')) as {
    panels: { targets: { expr: string }[] }[];
  };
  return dashboard.panels.flatMap((panel) => panel.targets.map(({ expr }) => expr));
}

/** Metrics that a query reads, by the name under which they are described: histograms without their suffix. */
export function metricNamesIn(query: string): string[] {
  const bare = query.replace(/"[^"]*"/g, '');
  const names = [...bare.matchAll(/\b(?:watershed|nodejs|process)_[a-z0-9_]+/g)].map(([name]) => name);
  return names.map((name) => name.replace(/_(?:bucket|count|sum)$/, ''));
}
