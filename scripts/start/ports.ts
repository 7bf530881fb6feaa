import { isPortFree } from '#local-services';
import { StartError } from './start.errors.js';

/** Which port each part listens on, counted from the gateway's. Stable from start to start, so that URLs stay good. */
export const portOffsets = {
  gateway: 0,
  postgres: 1,
  redis: 2,
  'pod-host': 3,
  registry: 4,
  runner: 5,
  bridge: 6,
  index: 7,
  orchestrator: 8,
  toll: 9,
  governance: 10,
} as const;

export type PortName = keyof typeof portOffsets;

/** Metrics of the processes in the topology's order; never on a public address. */
const metricsOffset = 20;

export const portOf = (name: PortName, base: number): number => base + portOffsets[name];
export const metricsPort = (processIndex: number, base: number): number => base + metricsOffset + processIndex;

/** @throws StartError `port_in_use` that names what wants the port and how to choose another. */
export async function checkPorts(base: number, names: readonly PortName[]): Promise<void> {
  for (const name of names) {
    const port = portOf(name, base);
    if (await isPortFree(port)) continue;
    const what = name === 'gateway' ? 'the gateway' : name;
    throw new StartError(
      'port_in_use',
      `Port ${port} (for ${what}) is in use: stop what listens there, or choose another range with --port N.`,
    );
  }
}
