import type { PlacementRow, RunnerView } from './placement.ports.js';
import { reconcile } from './reconcile.system.js';

const limits = { stuckAfterMs: 20_000, heartbeatGraceMs: 5_000 };
const row = (change: Partial<PlacementRow> = {}): PlacementRow => ({
  placementId: 'p1',
  nodeId: 'n1',
  model: 'org/m',
  version: '1.0.0',
  wanted: 'loaded',
  state: 'ready',
  epoch: 3,
  failures: 0,
  updatedAt: new Date(0),
  ageMs: 60_000,
  retryDue: false,
  ...change,
});
const runner = (change: Partial<RunnerView> = {}): RunnerView => ({
  nodeId: 'n1',
  region: 'EU/FR',
  reachable: true,
  freeModelMemoryBytes: 1_000,
  models: [{ name: 'org/m', version: '1.0.0', ready: true }],
  ...change,
});
const look = (rows: PlacementRow[], runners: RunnerView[], wishes: { model: string; version: string }[] = []) =>
  reconcile({ rows, runners, wishes }, limits).map((action) =>
    action.kind === 'place'
      ? `place ${action.nodeId}`
      : `${action.kind} ${'reason' in action ? action.reason : ''}`.trim(),
  );

describe('reconcile', () => {
  it('asks for nothing where the runner serves what is wished', () => {
    expect(look([row()], [runner()])).toEqual([]);
  });

  it('asserts anew what a restarted runner does not serve any longer', () => {
    expect(look([row()], [runner({ models: [] })])).toEqual(['assert model_lost']);
  });

  it('gives a model that has just become ready time to appear in a heartbeat', () => {
    expect(look([row({ ageMs: 4_000 })], [runner({ models: [] })])).toEqual([]);
  });

  it('does not call a model ready that its runner is bringing back', () => {
    const models = [{ name: 'org/m', version: '1.0.0', ready: false }];
    expect(look([row()], [runner({ models })])).toEqual(['assert model_not_ready']);
    expect(look([row({ ageMs: 4_000 })], [runner({ models })])).toEqual([]);
  });

  it('does not call a model ready whose runner is gone', () => {
    expect(look([row()], [runner({ reachable: false })])).toEqual(['assert node_gone']);
    expect(look([row()], [])).toEqual(['assert node_gone']);
  });

  it('asks again for what a lost job should have moved, and not for what waits for its runner', () => {
    expect(look([row({ state: 'wanted' })], [runner()])).toEqual(['advance']);
    expect(look([row({ state: 'wanted', ageMs: 1_000 })], [runner()])).toEqual([]);
    expect(look([row({ state: 'wanted' })], [])).toEqual([]);
    expect(look([row({ state: 'unloading', wanted: 'unloaded' })], [runner()])).toEqual(['advance']);
  });

  it('asks at once for what waited for a runner that is back', () => {
    const waiting = row({ state: 'wanted', ageMs: 10 });
    const view = { rows: [waiting], runners: [runner({ models: [] })], wishes: [] };
    expect(reconcile({ ...view, returned: new Set(['n1']) }, limits)).toEqual([{ kind: 'advance', row: waiting }]);
    expect(reconcile({ ...view, returned: new Set(['n2']) }, limits)).toEqual([]);
  });

  it('forgets an unload whose runner is gone', () => {
    expect(look([row({ state: 'unloading', wanted: 'unloaded' })], [])).toEqual(['forget node_gone']);
  });

  it('tries a failed one again when its time has come, and its runner is there', () => {
    expect(look([row({ state: 'failed' })], [runner()])).toEqual([]);
    expect(look([row({ state: 'failed', retryDue: true })], [runner()])).toEqual(['assert retry']);
    expect(look([row({ state: 'failed', retryDue: true })], [])).toEqual([]);
  });

  it('places a wish for all on runners that have joined since, but not where it was taken back', () => {
    const wish = [{ model: 'org/m', version: '1.0.0' }];
    expect(look([row()], [runner(), runner({ nodeId: 'n2', models: [] })], wish)).toEqual(['place n2']);
    expect(look([row({ state: 'unloaded', wanted: 'unloaded' })], [runner({ models: [] })], wish)).toEqual([]);
    expect(look([], [runner({ reachable: false })], wish)).toEqual([]);
  });
});
