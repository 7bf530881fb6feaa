import type { ServiceName } from '#contracts';
import type { OperationalPurpose } from '#sigil';

/** One container of the stack that runs a service; its name is its host name and its volume's. */
export interface Container {
  readonly name: string;
  readonly service: ServiceName;
  /** The cluster's keys that this service signs with. It gets no other's. */
  readonly keys: readonly OperationalPurpose[];
}

export const containers: readonly Container[] = [
  { name: 'gateway', service: 'gateway', keys: ['token', 'grant'] },
  { name: 'index', service: 'index', keys: [] },
  { name: 'pod-host', service: 'pod-host', keys: [] },
  { name: 'orchestrator', service: 'orchestrator', keys: [] },
  { name: 'runner', service: 'runner', keys: [] },
  { name: 'runner-gpu', service: 'runner', keys: [] },
  { name: 'bridge', service: 'bridge', keys: ['descriptor'] },
  { name: 'registry', service: 'registry', keys: ['model'] },
  { name: 'toll', service: 'toll', keys: ['price'] },
  { name: 'governance', service: 'governance', keys: ['membership'] },
];

/** All that speak to each other in plain text, because nothing else is on the stack's internal networks. */
export const stackHosts: readonly string[] = [...containers.map(({ name }) => name), 'postgres', 'redis', 'triton'];

/** The gateway's port inside; the other services take those after it, as `npm start` gives them. */
export const basePort = 4100;
/** Of every service's `/metrics` and `/health/*`; never published. */
export const metricsPort = 9100;

/** Where a container finds its own volume. */
export const dataFolder = '/data';
/** Where the one container that prepares the others finds theirs. */
export const volumesFolder = '/volumes';
