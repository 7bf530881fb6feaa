import { digestOf } from '#sigil';

/** One thing that was decided, with its place in the chain. */
export interface ChainEntry {
  readonly seq: number;
  readonly kind: 'operator' | 'admission' | 'decision';
  readonly document: unknown;
  /** The membership after it; null where it decides on no node. */
  readonly outcome: unknown;
  readonly previousHash: string;
  readonly recordedAt: string;
}

/** What the first entry names as the hash before it. */
export const genesisHash = '0'.repeat(64);

/** SHA-256 of the JCS form of all that an entry says, hex. */
export function hashOf({ seq, kind, document, outcome, previousHash, recordedAt }: ChainEntry): string {
  return digestOf({ seq, kind, document, outcome, previousHash, recordedAt });
}

/** The number of the first entry that does not follow from the ones before it; undefined where all do. */
export function brokenAt(entries: Iterable<ChainEntry & { readonly hash: string }>): number | undefined {
  let seq = 0;
  let previousHash = genesisHash;
  for (const entry of entries) {
    seq += 1;
    if (entry.seq !== seq || entry.previousHash !== previousHash || hashOf(entry) !== entry.hash) return seq;
    previousHash = entry.hash;
  }
  return undefined;
}
