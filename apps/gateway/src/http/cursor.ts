import { WatershedError } from '#errors';

/** An opaque cursor over a position of ours: versioned, so that a form can change without breaking old cursors silently. */
export function encodeCursor(kind: string, position: string): string {
  return Buffer.from(`1.${kind}.${position}`).toString('base64url');
}

/** Throws `cursor_invalid` for a cursor of another listing, another form, or nobody's. */
export function decodeCursor(kind: string, cursor: string | undefined, shape: RegExp): string | undefined {
  if (cursor === undefined) return undefined;
  const text = Buffer.from(cursor, 'base64url').toString('utf8');
  const prefix = `1.${kind}.`;
  const position = text.startsWith(prefix) ? text.slice(prefix.length) : '';
  if (!shape.test(position))
    throw new WatershedError('cursor_invalid', 'Take the cursor from `nextCursor` of the page before.');
  return position;
}
