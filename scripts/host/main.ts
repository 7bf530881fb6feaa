import type { ServiceName } from '#contracts';
import { runMany, type StartApp } from '#node';

/**
 * One process of a topology: `host/main.js --services gateway,index`. Each service is imported only where it runs, so
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

const wanted = (process.argv[process.argv.indexOf('--services') + 1] ?? '').split(',').filter(Boolean);
const unknown = wanted.filter((name) => !(name in starters));
if (wanted.length === 0 || unknown.length > 0) {
  console.error(`--services takes a comma-separated list of: ${Object.keys(starters).join(', ')}`);
  process.exit(2);
}
await runMany(
  process.env,
  await Promise.all(
    wanted.map(async (name) => ({ name: name as ServiceName, start: await starters[name as ServiceName]() })),
  ),
);
