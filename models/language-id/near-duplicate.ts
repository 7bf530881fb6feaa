/** How alike two sentences are, letters alone: case, marks and spaces do not count. */
function trigrams(text: string): Set<string> {
  const letters = [
    ...text
      .normalize('NFKC')
      .toLowerCase()
      .replace(/[^\p{L}\p{M}\p{N}]+/gu, ''),
  ];
  const found = new Set<string>();
  for (let i = 0; i + 3 <= letters.length; i++) found.add(letters.slice(i, i + 3).join(''));
  return found;
}

export interface NearDuplicate {
  readonly sentence: string;
  readonly trainedOn: string;
  /** Jaccard index of their character trigrams, 0 to 1. */
  readonly jaccard: number;
  /** Share of the sentence's trigrams that the training sentence has too: finds a piece cut out of a long one. */
  readonly contained: number;
}

export const jaccardLimit = 0.6;
export const containedLimit = 0.8;

/** Which of `sentences` are, but for small changes, among `training` or a part of one of them. */
export function nearDuplicates(sentences: readonly string[], training: readonly string[]): NearDuplicate[] {
  const known = training.map((text) => ({ text, grams: trigrams(text) }));
  const holders = new Map<string, number[]>();
  known.forEach(({ grams }, index) => {
    for (const gram of grams) {
      const list = holders.get(gram);
      if (list) list.push(index);
      else holders.set(gram, [index]);
    }
  });
  const found: NearDuplicate[] = [];
  for (const sentence of sentences) {
    const grams = trigrams(sentence);
    const shared = new Map<number, number>();
    for (const gram of grams) for (const at of holders.get(gram) ?? []) shared.set(at, (shared.get(at) ?? 0) + 1);
    for (const [at, count] of shared) {
      const other = known[at];
      if (!other) continue;
      const jaccard = count / (grams.size + other.grams.size - count);
      const contained = count / grams.size;
      if (jaccard >= jaccardLimit || contained >= containedLimit) {
        found.push({ sentence, trainedOn: other.text, jaccard, contained });
      }
    }
  }
  return found;
}
