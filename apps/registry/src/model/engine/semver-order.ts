/** Semantic Versioning 2.0.0 §11: negative where `one` comes before `other`. */
export function compareSemver(one: string, other: string): number {
  const [a, b] = [split(one), split(other)];
  for (let n = 0; n < 3; n += 1) {
    const difference = compareNumbers(a.core[n] ?? '0', b.core[n] ?? '0');
    if (difference !== 0) return difference;
  }
  if (a.pre.length === 0 || b.pre.length === 0) return b.pre.length - a.pre.length; // a release follows its previews
  for (let n = 0; n < Math.min(a.pre.length, b.pre.length); n += 1) {
    const difference = compareIdentifiers(a.pre[n] ?? '', b.pre[n] ?? '');
    if (difference !== 0) return difference;
  }
  return a.pre.length - b.pre.length;
}

/** The newest release, or the newest preview where there is no release. */
export function newest<Item extends { version: string }>(items: readonly Item[]): Item | undefined {
  const releases = items.filter(({ version }) => !version.includes('-'));
  const candidates = releases.length > 0 ? releases : items;
  return candidates.reduce<Item | undefined>(
    (best, each) => (!best || compareSemver(each.version, best.version) > 0 ? each : best),
    undefined,
  );
}

function split(version: string): { core: string[]; pre: string[] } {
  const dash = version.indexOf('-');
  const core = dash === -1 ? version : version.slice(0, dash);
  return { core: core.split('.'), pre: dash === -1 ? [] : version.slice(dash + 1).split('.') };
}

/** Decimal numbers of any length, without leading zeros. */
function compareNumbers(one: string, other: string): number {
  if (one.length !== other.length) return one.length - other.length;
  return one < other ? -1 : one > other ? 1 : 0;
}

function compareIdentifiers(one: string, other: string): number {
  const [a, b] = [/^\d+$/.test(one), /^\d+$/.test(other)];
  if (a && b) return compareNumbers(one, other);
  if (a !== b) return a ? -1 : 1;
  return one < other ? -1 : one > other ? 1 : 0;
}
