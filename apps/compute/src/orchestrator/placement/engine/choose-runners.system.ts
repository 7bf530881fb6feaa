import type { ModelManifest } from '#contracts';
import type { RunnerView } from './placement.ports.js';

export interface RunnerChoice {
  readonly chosen: readonly RunnerView[];
  /** For each runner left out, why. */
  readonly refused: readonly { readonly nodeId: string; readonly reason: 'unreachable' | 'region' | 'memory' }[];
}

/** Which runners may and can serve this model now. A runner that serves the version already has room for it. */
export function chooseRunners(
  manifest: Pick<ModelManifest, 'name' | 'version' | 'memoryBytes' | 'regions'>,
  runners: readonly RunnerView[],
  covers: (rule: string, region: string) => boolean,
): RunnerChoice {
  const chosen: RunnerView[] = [];
  const refused: { nodeId: string; reason: 'unreachable' | 'region' | 'memory' }[] = [];
  for (const runner of runners) {
    const serves = runner.models.some((model) => model.name === manifest.name && model.version === manifest.version);
    const allowed = manifest.regions.length === 0 || manifest.regions.some((rule) => covers(rule, runner.region));
    if (!runner.reachable) refused.push({ nodeId: runner.nodeId, reason: 'unreachable' });
    else if (!allowed) refused.push({ nodeId: runner.nodeId, reason: 'region' });
    // Before its first heartbeat nobody knows its room: it will refuse by itself if it has none.
    else if (!serves && (runner.freeModelMemoryBytes ?? Number.POSITIVE_INFINITY) < manifest.memoryBytes)
      refused.push({ nodeId: runner.nodeId, reason: 'memory' });
    else chosen.push(runner);
  }
  return { chosen, refused };
}
