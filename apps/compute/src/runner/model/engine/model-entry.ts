import type { ModelVersion } from '#contracts';
import type { WireError } from '#errors';
import { compareVersions } from './compare-versions.js';
import type { CrashPolicy } from './crash-policy.js';
import type { Tenants } from './tenants.js';

export type RunnerModelState =
  | 'pulling'
  | 'loading'
  | 'ready'
  /** It hangs on a server that is not ours to kill: it holds its memory, gets no work, and is well when it answers again. */
  | 'quarantined'
  | 'unloading'
  | 'unloaded'
  | 'failed';

/** One version of a model at this runner. Only the lifecycle changes it. */
export interface ModelEntry {
  readonly key: string;
  readonly model: ModelVersion;
  /** Name and version as the model server knows them. */
  readonly servedName: string;
  readonly servedVersion: string;
  readonly crashes: CrashPolicy;
  /** The leases on its process. */
  readonly tenants: Tenants;
  readonly counts: { inferences: number; errors: number };
  placementId: string;
  epoch: number;
  state: RunnerModelState;
  failure?: WireError;
  blobPath?: string;
  /** Rises with every load, so that what an earlier process did is not blamed on this one. */
  generation: number;
  /** Loading, but nobody is at it: the server has to come back first. */
  stranded?: boolean;
  /** While quarantined: how many inferences had succeeded when that began. */
  successesBefore?: number;
  /** What is being done to it; never rejects. */
  work?: Promise<void>;
}

/** `changed` hears of every move from one state to another. */
export function trackedEntry(entry: ModelEntry, changed: () => void): ModelEntry {
  let { state } = entry;
  return {
    ...entry,
    get state() {
      return state;
    },
    set state(next) {
      if (next === state) return;
      state = next;
      changed();
    },
  };
}

export const entryKey = (name: string, version: string): string => `${name}@${version}`;
export const isUnderWay = (state: RunnerModelState): boolean => state === 'pulling' || state === 'loading';
/** Its memory is taken and its files are in use. */
export const holdsMemory = (state: RunnerModelState): boolean =>
  state === 'ready' || state === 'quarantined' || isUnderWay(state);

export interface LoadAnswer {
  readonly state: 'loading' | 'ready' | 'failed';
  readonly failure?: WireError;
}

export function answerOf({ state, failure }: ModelEntry): LoadAnswer {
  if (state === 'ready') return { state };
  if (state === 'failed' || state === 'quarantined') return { state: 'failed', ...(failure ? { failure } : {}) };
  return { state: 'loading' };
}

/** Ready before anything else, then the newer version. */
export function rank(a: ModelEntry, b: ModelEntry): number {
  const ready = Number(a.state === 'ready') - Number(b.state === 'ready');
  return ready !== 0 ? ready : compareVersions(a.model.version, b.model.version);
}
