import type { PlacementRow, RunnerView, Wish } from './placement.ports.js';
import { isUnderWay } from './placement.states.js';

export type ReconcileAction =
  /** The job that should move it may be lost. */
  | { readonly kind: 'advance'; readonly row: PlacementRow }
  /** Back to `wanted` under a new epoch. */
  | { readonly kind: 'assert'; readonly row: PlacementRow; readonly reason: string }
  /** Nobody is there to unload it from. */
  | { readonly kind: 'forget'; readonly row: PlacementRow; readonly reason: string }
  /** A wish for every runner, and a runner that has no placement for it. */
  | { readonly kind: 'place'; readonly nodeId: string; readonly wish: Wish };

export interface ReconcileLimits {
  /** A placement under way that has not moved for so long is asked for again. */
  readonly stuckAfterMs: number;
  /** How long after it became ready a model may be missing in its runner's heartbeat. */
  readonly heartbeatGraceMs: number;
}

export interface ReconcileView {
  readonly rows: readonly PlacementRow[];
  readonly wishes: readonly Wish[];
  readonly runners: readonly RunnerView[];
  /** Runners that were not reachable at the last look: what waits for them need not wait any longer. */
  readonly returned?: ReadonlySet<string>;
}

/**
 * Compares what is wished with what the runners say they serve. A pure function of one view: run twice it asks for the
 * same again, and everything it asks for is idempotent, so a lost job, a restarted runner and a restarted orchestrator
 * all end in the same place.
 */
export function reconcile(view: ReconcileView, limits: ReconcileLimits): ReconcileAction[] {
  const actions: ReconcileAction[] = [];
  const runners = new Map(view.runners.map((runner) => [runner.nodeId, runner]));
  for (const row of view.rows) {
    const runner = runners.get(row.nodeId);
    const reachable = runner?.reachable ?? false;
    if (row.state === 'unloading' && !reachable) {
      // Its process is gone, and the model with it; should it come back, it starts with nothing loaded.
      if (row.ageMs > limits.stuckAfterMs) actions.push({ kind: 'forget', row, reason: 'node_gone' });
    } else if (isUnderWay(row.state)) {
      const due = row.ageMs > limits.stuckAfterMs || view.returned?.has(row.nodeId) === true;
      if (reachable && due) actions.push({ kind: 'advance', row });
      else if (!reachable && row.state === 'loading' && row.ageMs > limits.stuckAfterMs)
        actions.push({ kind: 'assert', row, reason: 'node_gone' });
    } else if (row.state === 'ready') {
      const told = runner?.models.find((model) => model.name === row.model && model.version === row.version);
      if (!reachable) actions.push({ kind: 'assert', row, reason: 'node_gone' });
      // Also one that its runner is bringing back by itself: asking for it again costs nothing, calling it ready is wrong.
      else if (told?.ready !== true && row.ageMs > limits.heartbeatGraceMs)
        actions.push({ kind: 'assert', row, reason: told ? 'model_not_ready' : 'model_lost' });
    } else if (row.state === 'failed' && row.retryDue && reachable) {
      actions.push({ kind: 'assert', row, reason: 'retry' });
    }
  }
  const placed = new Set(view.rows.map((row) => `${row.nodeId} ${row.model} ${row.version}`));
  for (const wish of view.wishes) {
    for (const runner of view.runners) {
      if (!runner.reachable || placed.has(`${runner.nodeId} ${wish.model} ${wish.version}`)) continue;
      actions.push({ kind: 'place', nodeId: runner.nodeId, wish });
    }
  }
  return actions;
}
