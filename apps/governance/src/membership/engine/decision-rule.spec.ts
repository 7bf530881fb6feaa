import { mustBeReversible } from './decision-rule.js';

describe('a decision that nobody could take back', () => {
  const through = ['gateway', 'governance'];

  it.each(['expelled', 'paused'] as const)('is refused: %s for a node it came through', (state) => {
    for (const nodeId of through) {
      expect(() => mustBeReversible({ nodeId, state }, through)).toThrow(expect.objectContaining({ code: 'conflict' }));
    }
    expect(() => mustBeReversible({ nodeId: 'runner', state }, through)).not.toThrow();
  });

  it('is none where it admits', () => {
    expect(() => mustBeReversible({ nodeId: 'gateway', state: 'admitted' }, through)).not.toThrow();
  });
});
