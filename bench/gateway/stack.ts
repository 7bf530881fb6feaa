import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '#local-services';
import { type Cluster, ended, reached, root, startCluster } from '../cluster/started-cluster.js';
import { ownDatabase } from '../own-database.js';

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

/** The cluster as `npm start` ships it, with the mock in the place of the model server and nowhere else. */
export function startMockedCluster(modelUrl: string): Promise<Cluster> {
  return startCluster({ env: { TRITON_URL: modelUrl, TRITON_METRICS_URL: `${modelUrl}/metrics` } });
}

export interface Peer {
  readonly url: string;
  readonly version: string;
  stop(): Promise<void>;
}

/** The least that meters durably: see `bare-proxy.ts`. Its rows lie in a database of its own on the bench's Postgres. */
export async function startBareProxy(modelUrl: string, postgresUrl: string): Promise<Omit<Peer, 'version'>> {
  const database = await ownDatabase(postgresUrl, 'bare_proxy');
  const child = spawn(process.execPath, [join(root, 'dist/bench/gateway/bare-proxy.js'), modelUrl], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, BARE_PROXY_DATABASE_URL: database.url },
  });
  const stop = async () => {
    await ended(child, 'SIGTERM');
    await database.stop();
  };
  try {
    const port = Number((await reached(child, '\n', 10_000)).trim());
    return { url: `http://127.0.0.1:${port}`, stop };
  } catch (error) {
    await stop();
    throw error;
  }
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
