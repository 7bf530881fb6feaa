import type { NodeEntry } from '#contracts';
import type { WatchedDirectory } from '#node';
import type { RunnerDirectory, RunnerView } from './engine/placement.ports.js';

/** Runners as the index knows them. */
export class IndexedRunners implements RunnerDirectory {
  constructor(private readonly directory: Pick<WatchedDirectory, 'all' | 'get'>) {}

  all(): readonly RunnerView[] {
    return this.directory.all().filter(isRunner).map(viewOf);
  }

  get(nodeId: string): RunnerView | undefined {
    const entry = this.directory.get(nodeId);
    return entry && isRunner(entry) ? viewOf(entry) : undefined;
  }
}

const isRunner = (entry: NodeEntry): boolean => entry.manifest.services.includes('runner');

function viewOf(entry: NodeEntry): RunnerView {
  const { nodeId, manifest, health, membership, load, models } = entry;
  return {
    nodeId,
    region: manifest.region,
    // A suspect may refute, and is asked again then; until it does nobody knows what it serves. A paused one gets no work.
    reachable: health === 'alive' && membership === 'admitted' && load?.draining !== true,
    ...(load?.freeModelMemoryBytes === undefined ? {} : { freeModelMemoryBytes: load.freeModelMemoryBytes }),
    models,
  };
}
