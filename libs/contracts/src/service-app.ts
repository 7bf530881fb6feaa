import type { ServiceName } from './primitives.js';

/** The apps that own tables: each has one Postgres schema and one login role. `compute` is the orchestrator's. */
export const databaseApps = [
  'bridge',
  'compute',
  'gateway',
  'governance',
  'index',
  'pod-host',
  'registry',
  'toll',
] as const;
export type DatabaseApp = (typeof databaseApps)[number];

/** Whose tables a service owns. A runner owns none: it may belong to another operator. */
export const serviceApps: Readonly<Record<ServiceName, DatabaseApp | undefined>> = {
  gateway: 'gateway',
  index: 'index',
  'pod-host': 'pod-host',
  orchestrator: 'compute',
  runner: undefined,
  bridge: 'bridge',
  registry: 'registry',
  toll: 'toll',
  governance: 'governance',
};
