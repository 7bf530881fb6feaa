/** Order by code points, which is that of UTF-8's bytes: the same on every machine and in every language. */
export function comparePaths(one: string, other: string): number {
  const length = Math.min(one.length, other.length);
  for (let at = 0; at < length; at += 1) {
    const [a, b] = [one.charCodeAt(at), other.charCodeAt(at)];
    if (a !== b) return rank(a) - rank(b);
  }
  return one.length - other.length;
}

/** Surrogates stand for what lies beyond U+FFFF, though their numbers are below U+E000. */
const rank = (unit: number): number => (unit >= 0xd800 && unit < 0xe000 ? unit + 0x10000 : unit);

/** Those of an ordered list that begin with `prefix` and come after `afterPath`, at most `limit`. */
export function pageOfPaths<Item extends { readonly path: string }>(
  ordered: readonly Item[],
  wanted: { readonly prefix: string; readonly afterPath: string | undefined; readonly limit: number },
): readonly Item[] {
  const { prefix, afterPath = '', limit } = wanted;
  const isBefore = (path: string) => comparePaths(path, prefix) < 0 || comparePaths(path, afterPath) <= 0;
  let [low, high] = [0, ordered.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isBefore(ordered[middle]?.path ?? '')) low = middle + 1;
    else high = middle;
  }
  const page: Item[] = [];
  for (let at = low; at < ordered.length && page.length < limit; at += 1) {
    const item = ordered[at];
    if (!item?.path.startsWith(prefix)) break;
    page.push(item);
  }
  return page;
}
