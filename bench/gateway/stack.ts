import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createClient, type GatewayClient } from '#client';
import { freePort, isPortFree } from '#local-services';

export const root = join(dirname(fileURLToPath(import.meta.url)), '../../..');

/** What a child prints until it prints `text`. */
function reached(child: ChildProcess, text: string, timeoutMs: number): Promise<string> {
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

async function ended(child: ChildProcess, signal: NodeJS.Signals, group = false): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const gone = new Promise<void>((resolve) => child.once('close', () => resolve()));
  process.kill(group ? -child.pid : child.pid, signal);
  await gone;
}

export interface Mocks {
  readonly modelUrl: string;
  readonly chatUrl: string;
  stop(): Promise<void>;
}

export async function startMocks(answerBytes: number): Promise<Mocks> {
  const file = join(root, 'dist/bench/gateway/mock-servers.js');
  const child = spawn(process.execPath, [file, root, String(answerBytes)], { stdio: ['pipe', 'pipe', 'inherit'] });
  const printed = await reached(child, '\n', 10_000);
  const { modelPort, chatPort } = JSON.parse(printed) as { modelPort: number; chatPort: number };
  return {
    modelUrl: `http://127.0.0.1:${modelPort}`,
    chatUrl: `http://127.0.0.1:${chatPort}`,
    stop: () => ended(child, 'SIGTERM'),
  };
}

export interface Cluster {
  readonly url: string;
  readonly operator: GatewayClient;
  /** Process ids by the name of the process in the topology. */
  pids(): Record<string, number>;
  stop(): Promise<void>;
}

async function freeRange(): Promise<number> {
  for (let base = 33_000; base < 60_000; base += 40) {
    const free = await Promise.all(Array.from({ length: 40 }, (_, offset) => isPortFree(base + offset)));
    if (free.every(Boolean)) return base;
  }
  throw new Error('no forty free ports in a row');
}

/** The cluster as `npm start` ships it, with the mock in the place of the model server and nowhere else. */
export async function startCluster(modelUrl: string, env: NodeJS.ProcessEnv = {}): Promise<Cluster> {
  const folder = mkdtempSync(join(tmpdir(), 'watershed-bench-gateway-'));
  const data = join(folder, 'data');
  const port = await freeRange();
  const { DATABASE_URL: _database, REDIS_URL: _redis, ...inherited } = process.env;
  const child = spawn('npm', ['start', '--', '--port', String(port), '--data', data], {
    cwd: root,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...inherited,
      TRITON_URL: modelUrl,
      TRITON_METRICS_URL: `${modelUrl}/metrics`,
      WATERSHED_LOG_LEVEL: 'warn',
      GATEWAY_RATE_PER_PERSON: '1000000000',
      GATEWAY_RATE_PER_ADDRESS: '1000000000',
      ...env,
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
  const credential = () => readFileSync(join(data, 'operator', 'api-key'), 'utf8').trim();
  return {
    url,
    operator: createClient({ url, credential }),
    pids: () => {
      const running = JSON.parse(readFileSync(join(data, 'running.json'), 'utf8')) as {
        processes: { name: string; pid: number }[];
      };
      return Object.fromEntries(running.processes.map(({ name, pid }) => [name, pid]));
    },
    stop: async () => {
      await ended(child, 'SIGINT', true);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export interface Peer {
  readonly url: string;
  readonly version: string;
  stop(): Promise<void>;
}

/** Portkey's gateway from `bench/peers/portkey`; undefined when it is not installed and cannot be. */
export async function startPortkey(progress: (line: string) => void): Promise<Peer | undefined> {
  const folder = join(root, 'bench/peers/portkey');
  const home = join(folder, 'node_modules/@portkey-ai/gateway');
  if (!existsSync(home)) {
    progress('gateway: installing the peer');
    const install = spawn('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
      cwd: folder,
      stdio: 'ignore',
    });
    await new Promise((resolve) => install.once('close', resolve));
    if (!existsSync(home)) return undefined;
  }
  const { version } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8')) as { version: string };
  const port = await freePort();
  const child = spawn(process.execPath, [join(home, 'build/start-server.js'), `--port=${port}`, '--headless'], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NODE_ENV: 'production', TRUSTED_CUSTOM_HOSTS: '127.0.0.1' },
  });
  const url = `http://127.0.0.1:${port}`;
  for (let attempt = 0; ; attempt++) {
    const there = await fetch(url, { signal: AbortSignal.timeout(1_000) }).then(
      () => true,
      () => false,
    );
    if (there) break;
    if (attempt > 100 || child.exitCode !== null) throw new Error('the peer does not answer');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  child.stdout.resume();
  child.stderr.resume();
  return { url, version, stop: () => ended(child, 'SIGTERM') };
}
