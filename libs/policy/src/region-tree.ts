/** A tree of places by their segments, as `{ EU: { FR: {} } }`. */
export interface RegionTree {
  readonly [segment: string]: RegionTree;
}
