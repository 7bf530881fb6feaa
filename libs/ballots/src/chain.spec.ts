import type { LogEntry } from '#contracts';
import { brokenAt, genesisHash, hashOf } from './chain.js';

function chainOf(length: number): LogEntry[] {
  const entries: LogEntry[] = [];
  for (let seq = 1; seq <= length; seq += 1) {
    const entry: Omit<LogEntry, 'hash'> = {
      seq,
      kind: 'admission',
      document: { n: seq },
      outcome: { epoch: seq },
      previousHash: entries.at(-1)?.hash ?? genesisHash,
      recordedAt: '2026-11-21T10:00:00.000Z',
    };
    entries.push({ ...entry, hash: hashOf(entry) });
  }
  return entries;
}

describe('the chain of decisions', () => {
  it('holds when nothing was touched, empty too', () => {
    expect(brokenAt(chainOf(5))).toBeUndefined();
    expect(brokenAt([])).toBeUndefined();
  });

  it.each([
    ['another document', 2, { document: { n: 9 } }],
    ['another outcome', 3, { outcome: { epoch: 99 } }],
    ['another time', 1, { recordedAt: '2026-11-21T10:00:00.001Z' }],
    ['another kind', 4, { kind: 'decision' as const }],
  ])('shows %s', (_, seq, change) => {
    const entries = chainOf(5).map((entry) => (entry.seq === seq ? { ...entry, ...change } : entry));
    expect(brokenAt(entries)).toBe(seq);
  });

  it('shows an entry rewritten with its own hash at the next one', () => {
    const entries = chainOf(4);
    const second = entries[1];
    if (!second) throw new Error('no second entry');
    const forged = { ...second, document: { n: 'forged' } };
    entries[1] = { ...forged, hash: hashOf(forged) };
    expect(brokenAt(entries)).toBe(3);
  });

  it('shows an entry taken out and two swapped', () => {
    const [one, two, three] = chainOf(3);
    if (!one || !two || !three) throw new Error('no chain');
    expect(brokenAt([one, three])).toBe(2);
    expect(brokenAt([two, one, three])).toBe(1);
  });
});
