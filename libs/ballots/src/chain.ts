import type { LogEntry } from '#contracts';
import { digestOf } from '#sigil';

/** What the first entry names as the hash before it. */
export const genesisHash = '0'.repeat(64);

/** SHA-256 of the JCS form of all that an entry says, hex. */
export function hashOf({
  seq,
  kind,
  document,
  outcome,
  previousHash,
  recordedAt,
}: Omit<LogEntry, 'hash' | 'document' | 'outcome'> & { document: unknown; outcome: unknown }): string {
  return digestOf({ seq, kind, document, outcome, previousHash, recordedAt });
}

/** Why an entry does not follow one of this number and hash; undefined where it does. */
export function brokenLink(entry: LogEntry, before: { readonly seq: number; readonly hash: string }) {
  if (entry.seq !== before.seq + 1) return `it stands where entry ${before.seq + 1} should`;
  if (entry.previousHash !== before.hash) return 'it names another entry before it';
  if (hashOf(entry) !== entry.hash) return 'its content has another hash';
  return undefined;
}

/** The number of the first entry that does not follow from the ones before it; undefined where all do. */
export function brokenAt(entries: Iterable<LogEntry>): number | undefined {
  let before = { seq: 0, hash: genesisHash };
  for (const entry of entries) {
    if (brokenLink(entry, before) !== undefined) return before.seq + 1;
    before = entry;
  }
  return undefined;
}
