import type { Placement } from '#contracts';

export type PlacementState = Placement['state'];
export type Wanted = Placement['wanted'];

/**
 * wanted → loading → ready, and back to wanted whenever the runner lost the model; unloading → unloaded when nobody
 * wishes it any longer; failed from wanted or loading, with its reason. README.md holds the picture.
 */
const moves: Readonly<Record<PlacementState, readonly PlacementState[]>> = {
  wanted: ['loading', 'failed', 'wanted', 'unloading'],
  loading: ['ready', 'failed', 'wanted', 'unloading'],
  ready: ['wanted', 'failed', 'unloading'],
  failed: ['wanted', 'unloading'],
  unloading: ['unloaded', 'wanted', 'unloading'],
  unloaded: ['wanted', 'unloading'],
};

export const canMove = (from: PlacementState, to: PlacementState): boolean => moves[from].includes(to);

/** The states from which `to` may be reached: what the compare-and-set compares with. */
export const statesBefore = (to: PlacementState): PlacementState[] =>
  (Object.keys(moves) as PlacementState[]).filter((from) => canMove(from, to));

/** Somebody has still to do something. */
export const isUnderWay = (state: PlacementState): boolean =>
  state === 'wanted' || state === 'loading' || state === 'unloading';
