import { mustBeReversible } from './reversible.js';

describe('a decision that nobody could take back', () => {
  const through = ['gateway', 'governance'];

  it.each(['node-exclude', 'node-pause'] as const)('is refused: %s of a node it came through', (kind) => {
    for (const subject of through) {
      expect(() => mustBeReversible({ kind, subject }, through)).toThrow(expect.objectContaining({ code: 'conflict' }));
    }
    expect(() => mustBeReversible({ kind, subject: 'runner' }, through)).not.toThrow();
  });

  it.each(['node-readmit', 'operator-remove'] as const)('is none where it is %s', (kind) => {
    expect(() => mustBeReversible({ kind, subject: 'gateway' }, through)).not.toThrow();
  });
});
