import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePortRange, ReachableCluster, root, StartedCluster, shellEnvironment } from './started-cluster.js';

/** Ends what this test was given; a shared cluster goes on. */
interface Lent {
  readonly cluster: ReachableCluster;
  close(): Promise<void>;
}

const startWithinMs = 180_000;

/**
 * A cluster for tests that leave it as whole as they found it: one for all of them where `npm test` names a folder to share
 * it by, else one of their own. Who comes first starts it; `npm test` ends it after the last.
 */
export async function borrowCluster(): Promise<Lent> {
  const folder = process.env.WATERSHED_TEST_SHARED_CLUSTER;
  if (!folder) {
    const own = await StartedCluster.start();
    return {
      cluster: own,
      close: async () => {
        await own.stop();
        own.removeData();
      },
    };
  }
  if (isFirst(folder)) await startShared(folder);
  const file = join(folder, 'cluster.json');
  const log = () => (existsSync(join(folder, 'start.log')) ? readFileSync(join(folder, 'start.log'), 'utf8') : '');
  const end = performance.now() + startWithinMs;
  while (!existsSync(file) || !log().includes('Ctrl-C stops the cluster')) {
    if (performance.now() > end) throw new Error(`the shared cluster did not start:\n${log()}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const { port, dataFolder } = JSON.parse(readFileSync(file, 'utf8')) as { port: number; dataFolder: string };
  return { cluster: new ReachableCluster(port, dataFolder), close: async () => undefined };
}

function isFirst(folder: string): boolean {
  try {
    mkdirSync(join(folder, 'started'));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

async function startShared(folder: string): Promise<void> {
  const port = await freePortRange();
  const dataFolder = join(folder, 'data');
  const log = openSync(join(folder, 'start.log'), 'a');
  const child = spawn('npm', ['start', '--', '--port', String(port), '--data', dataFolder], {
    cwd: root,
    detached: true,
    stdio: ['ignore', log, log],
    env: shellEnvironment(),
  });
  child.unref(); // it outlives the worker that runs this test
  writeFileSync(join(folder, 'cluster.new'), JSON.stringify({ port, dataFolder, pid: child.pid }));
  renameSync(join(folder, 'cluster.new'), join(folder, 'cluster.json'));
}
