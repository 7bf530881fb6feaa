import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createClient, type GatewayClient } from '#client';
import { freePortRange } from '#local-services';

export const root = join(dirname(fileURLToPath(import.meta.url)), '../../..');

/** What a child prints until it prints `text`. */
export function reached(child: ChildProcess, text: string, timeoutMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = '';
    const finish = (error?: Error) => {
      clearTimeout(timer);
      child.off('close', onClose);
      if (error) reject(error);
      else resolve(output);
    };
    const onClose = () => finish(new Error(`ended before "${text}": ${output.slice(-500)}`));
    const timer = setTimeout(() => finish(new Error(`"${text}" was not printed: ${output.slice(-500)}`)), timeoutMs);
    const hear = (chunk: Buffer) => {
      output += chunk.toString('utf8');
      if (output.includes(text)) finish();
    };
    child.stdout?.on('data', hear);
    child.stderr?.on('data', hear);
    child.once('close', onClose);
  });
}

export async function ended(child: ChildProcess, signal: NodeJS.Signals, group = false): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const gone = new Promise<void>((resolve) => child.once('close', () => resolve()));
  process.kill(group ? -child.pid : child.pid, signal);
  await gone;
}

export interface Cluster {
  readonly url: string;
  /** Of the process that started all the others. */
  readonly pid: number;
  readonly operator: GatewayClient;
  /** Whether every process says that all its services are joined and connected. */
  ready(): Promise<boolean>;
  /** Process ids by the name of the process in the topology. */
  pids(): Record<string, number>;
  stop(): Promise<void>;
}

/** Beside those of the tests. */
export const freeRange = (): Promise<number> => freePortRange(24_000);

export interface ClusterOptions {
  /** More of the command line of `npm start`. */
  readonly flags?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

/** A cluster as `npm start` makes it, with a data folder of its own and no limits on who asks how often. */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  // Beside the bench's own Postgres, whose file system is looked at: one in memory would make every commit cheap.
  const beside = join(root, '.watershed', 'bench');
  mkdirSync(beside, { recursive: true, mode: 0o700 });
  const folder = mkdtempSync(join(beside, 'cluster-'));
  const data = join(folder, 'data');
  const port = await freeRange();
  const { DATABASE_URL: _database, REDIS_URL: _redis, ...inherited } = process.env;
  const child = spawn('npm', ['start', '--', '--port', String(port), '--data', data, ...(options.flags ?? [])], {
    cwd: root,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...inherited,
      WATERSHED_LOG_LEVEL: 'warn',
      GATEWAY_RATE_PER_PERSON: '1000000000',
      GATEWAY_RATE_PER_ADDRESS: '1000000000',
      ...options.env,
    },
  });
  try {
    await reached(child, 'Ctrl-C stops the cluster', 180_000);
  } catch (error) {
    await ended(child, 'SIGINT', true);
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
  const url = `http://127.0.0.1:${port}`;
  const running = () =>
    JSON.parse(readFileSync(join(data, 'running.json'), 'utf8')) as {
      processes: { name: string; pid: number; metricsPort: number }[];
    };
  const credential = () => readFileSync(join(data, 'operator', 'api-key'), 'utf8').trim();
  return {
    url,
    pid: child.pid ?? -1,
    operator: createClient({ url, credential }),
    ready: async () => {
      const answers = await Promise.all(
        running().processes.map(({ metricsPort }) =>
          fetch(`http://127.0.0.1:${metricsPort}/health/ready`).then(
            ({ ok }) => ok,
            () => false,
          ),
        ),
      );
      return answers.every((ok) => ok);
    },
    pids: () => Object.fromEntries(running().processes.map(({ name, pid }) => [name, pid])),
    stop: async () => {
      await ended(child, 'SIGINT', true);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
