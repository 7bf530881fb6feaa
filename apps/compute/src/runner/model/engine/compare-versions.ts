/** Order of two semantic versions (semver 2.0.0, section 11): negative when `a` comes first. */
export function compareVersions(a: string, b: string): number {
  const [coreA, preA] = split(a);
  const [coreB, preB] = split(b);
  for (let i = 0; i < 3; i++) {
    const difference = Number(coreA[i] ?? 0) - Number(coreB[i] ?? 0);
    if (difference !== 0) return difference;
  }
  if (!preA || !preB) return (preA ? -1 : 0) - (preB ? -1 : 0);
  const length = Math.max(preA.length, preB.length);
  for (let i = 0; i < length; i++) {
    const left = preA[i];
    const right = preB[i];
    if (left === undefined || right === undefined) return left === undefined ? -1 : 1;
    const difference = compareIdentifiers(left, right);
    if (difference !== 0) return difference;
  }
  return 0;
}

function split(version: string): [string[], string[] | undefined] {
  const dash = version.indexOf('-');
  if (dash < 0) return [version.split('.'), undefined];
  return [version.slice(0, dash).split('.'), version.slice(dash + 1).split('.')];
}

/** Numbers by value and before words; words by their bytes. */
function compareIdentifiers(a: string, b: string): number {
  const numberA = /^\d+$/.test(a);
  const numberB = /^\d+$/.test(b);
  if (numberA && numberB) return Number(a) - Number(b);
  if (numberA !== numberB) return numberA ? -1 : 1;
  return a < b ? -1 : a > b ? 1 : 0;
}
