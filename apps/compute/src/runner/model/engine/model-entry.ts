import type { ModelVersion } from '#contracts';
import type { WireError } from '#errors';
import type { CrashPolicy } from './crash-policy.js';

export type RunnerModelState = 'pulling' | 'loading' | 'ready' | 'unloading' | 'unloaded' | 'failed';

/** One version of a model at this runner. Only the lifecycle changes it. */
export interface ModelEntry {
  readonly key: string;
  readonly model: ModelVersion;
  /** Name and version as the model server knows them. */
  readonly servedName: string;
  readonly servedVersion: string;
  readonly crashes: CrashPolicy;
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
  /** What is being done to it; never rejects. */
  work?: Promise<void>;
}

export const entryKey = (name: string, version: string): string => `${name}@${version}`;
export const isUnderWay = (state: RunnerModelState): boolean => state === 'pulling' || state === 'loading';
/** Its memory is taken and its files are in use. */
export const holdsMemory = (state: RunnerModelState): boolean => state === 'ready' || isUnderWay(state);
