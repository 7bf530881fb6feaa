import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { StartError } from './start.errors.js';

export interface StartOptions {
  readonly port: number;
  readonly dataFolder: string;
  readonly topology: 'laptop' | 'one-app-a-process';
  readonly region: string;
  readonly name: string;
  readonly reset: boolean;
  /** Models are served by a Triton of our own, which is set up when it is not. */
  readonly triton: boolean;
}

export const defaultPort = 4100;

/** How many ports the cluster takes, the gateway's included. */
export const portSpan = 40;

export const defaultDataFolder = (root: string): string => join(root, '.watershed', 'data');

const readPort = (text: string): number => {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65535 - portSpan)
    throw new StartError('usage', `--port takes a whole number from 1 to ${65535 - portSpan}, not "${text}".`);
  return port;
};

/** @throws StartError `usage` with what to change. */
export function parseStartOptions(args: readonly string[], root: string): StartOptions {
  let values: {
    port?: string;
    data?: string;
    processes?: boolean;
    region?: string;
    name?: string;
    reset?: boolean;
    triton?: boolean;
  };
  try {
    ({ values } = parseArgs({
      args: [...args],
      options: {
        port: { type: 'string' },
        data: { type: 'string' },
        processes: { type: 'boolean' },
        region: { type: 'string' },
        name: { type: 'string' },
        reset: { type: 'boolean' },
        triton: { type: 'boolean' },
      },
    }));
  } catch (error) {
    throw new StartError(
      'usage',
      `${error instanceof Error ? error.message.split('. ')[0] : error}. See npm start -- --help`,
    );
  }
  return {
    port: readPort(values.port ?? String(defaultPort)),
    dataFolder: values.data === undefined ? defaultDataFolder(root) : resolve(root, values.data),
    topology: values.processes ? 'one-app-a-process' : 'laptop',
    region: values.region ?? 'EU/FR',
    name: values.name ?? 'watershed',
    reset: values.reset ?? false,
    triton: values.triton ?? false,
  };
}
