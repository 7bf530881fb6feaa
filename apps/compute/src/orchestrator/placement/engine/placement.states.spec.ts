import { canMove, isUnderWay, type PlacementState, statesBefore } from './placement.states.js';
import { retryAfterFailure } from './retry.system.js';

const all: PlacementState[] = ['wanted', 'loading', 'ready', 'unloading', 'unloaded', 'failed'];

describe('states of a placement', () => {
  it('becomes ready from loading only, and unloaded from unloading only', () => {
    expect(statesBefore('ready')).toEqual(['loading']);
    expect(statesBefore('unloaded')).toEqual(['unloading']);
  });

  it('can be wished and taken back from everywhere', () => {
    for (const from of all) {
      expect(canMove(from, 'wanted')).toBe(from !== 'wanted' || canMove('wanted', 'wanted'));
      expect(canMove(from, 'unloading')).toBe(true);
    }
  });

  it('never falls from unloaded to failed', () => {
    expect(canMove('unloaded', 'failed')).toBe(false);
    expect(canMove('unloading', 'failed')).toBe(false);
  });

  it('is under way while somebody has still to do something', () => {
    expect(all.filter(isUnderWay)).toEqual(['wanted', 'loading', 'unloading']);
  });
});

describe('retryAfterFailure', () => {
  it('waits longer each time, up to ten minutes', () => {
    const failure = { code: 'memory_exhausted', message: '' } as const;
    expect([0, 1, 2, 20].map((failures) => retryAfterFailure(failure, failures))).toEqual([
      5_000, 10_000, 20_000, 600_000,
    ]);
  });

  it('gives a crashing model a minute at least', () => {
    expect(retryAfterFailure({ code: 'model_crashed', message: '' }, 0)).toBe(60_000);
  });

  it('never tries again what no waiting mends', () => {
    for (const code of ['digest_mismatch', 'model_invalid', 'signature_invalid', 'policy_forbids'] as const)
      expect(retryAfterFailure({ code, message: '' }, 0)).toBeUndefined();
  });
});
