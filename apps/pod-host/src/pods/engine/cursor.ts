import { cursorInvalid } from './pod.errors.js';

/** Where a page ended, opaque to callers. */
export const cursorOf = (last: string): string => Buffer.from(last, 'utf8').toString('base64url');

/** Throws `cursor_invalid` for what `isPlace` refuses. */
export function placeOf(cursor: string | undefined, isPlace: (place: string) => boolean): string | undefined {
  if (cursor === undefined) return undefined;
  const place = Buffer.from(cursor, 'base64url').toString('utf8');
  if (cursorOf(place) !== cursor || !isPlace(place)) throw cursorInvalid();
  return place;
}

/** A page of at most `limit` from one row more than that. */
export function pageOfRows<Row>(rows: readonly Row[], limit: number, placeIn: (row: Row) => string) {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return { items, ...(rows.length > limit && last !== undefined ? { nextCursor: cursorOf(placeIn(last)) } : {}) };
}
