import { knownRegions } from './known-regions.js';
import type { RegionTree } from './region-tree.js';

/** Whether a rule for `rule` holds in `region`: the same place, or one under it. */
export function regionCovers(rule: string, region: string): boolean {
  return region === rule || region.startsWith(`${rule}/`);
}

/** Whether every segment of `region` is in the tree. A place that nobody knows must not slip through a rule. */
export function isKnownRegion(region: string, tree: RegionTree = knownRegions): boolean {
  let place: RegionTree | undefined = tree;
  for (const segment of region.split('/')) {
    place = place && Object.hasOwn(place, segment) ? place[segment] : undefined;
  }
  return place !== undefined;
}

/** The deeper of two places of which one lies in the other; undefined where they are apart. */
export function deeperRegion(one: string, other: string): string | undefined {
  if (regionCovers(one, other)) return other;
  return regionCovers(other, one) ? one : undefined;
}
