import { join, resolve } from 'node:path';
import { Neighbours } from '#bus';
import { internalNetworkOf } from '#config';
import type { ServiceName } from '#contracts';
import { joinCluster, ownerAlone, readJoinFile, runMany, type StartApp } from '#node';
import { envOf } from '../start/env-prefix.js';

/**
 * One process of a topology: `host/main.js --services toll,gateway`, or one node of another machine:
 * `host/main.js --services runner --join join.json`. Each service is imported only where it runs, so
 * that a process carries the code of its own services alone.
 */
const starters: Record<ServiceName, () => Promise<StartApp>> = {
  gateway: async () => (await import('../../apps/gateway/src/app.js')).startGateway,
  index: async () => (await import('../../apps/index/src/app.js')).startIndex,
  'pod-host': async () => (await import('../../apps/pod-host/src/app.js')).startPodHost,
  orchestrator: async () => (await import('../../apps/compute/src/app.js')).startOrchestrator,
  runner: async () => (await import('../../apps/compute/src/app.js')).startRunner,
  bridge: async () => (await import('../../apps/bridge/src/app.js')).startBridge,
  registry: async () => (await import('../../apps/registry/src/app.js')).startRegistry,
  toll: async () => (await import('../../apps/toll/src/app.js')).startToll,
  governance: async () => (await import('../../apps/governance/src/app.js')).startGovernance,
};

/** `--join <file>`: this process is one node that comes in by a ticket, and what its operator set counts more. */
async function settings(): Promise<NodeJS.ProcessEnv> {
  const at = process.argv.indexOf('--join');
  const file = at < 0 ? undefined : process.argv[at + 1];
  if (file === undefined) return process.env;
  const dataDir = resolve(process.env.WATERSHED_DATA_DIR ?? join('.watershed', 'node'));
  const name = process.env.WATERSHED_NODE_NAME ?? wanted[0] ?? 'node';
  try {
    const network = internalNetworkOf(process.env);
    return { ...(await joinCluster({ file: readJoinFile(file), dataDir, name, network })), ...process.env };
  } catch (error) {
    console.error(`watershed: ${error instanceof Error ? error.message : String(error)}`);
    process.exit(1);
  }
}

const wanted = (process.argv[process.argv.indexOf('--services') + 1] ?? '').split(',').filter(Boolean);
const unknown = wanted.filter((name) => !(name in starters));
if (wanted.length === 0 || unknown.length > 0) {
  console.error(`--services takes a comma-separated list of: ${Object.keys(starters).join(', ')}`);
  process.exit(2);
}
ownerAlone();
const neighbours = new Neighbours();
await runMany(
  await settings(),
  await Promise.all(
    wanted.map(async (wantedName) => {
      const name = wantedName as ServiceName;
      const start = await starters[name]();
      return { name, start: (env: NodeJS.ProcessEnv) => start(envOf(name, env), { neighbours }) };
    }),
  ),
);
