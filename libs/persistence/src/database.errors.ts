import { WatershedError } from '#errors';

// Class 08 (connection), 57P0x (shut down, crashed, cannot connect now), 53300 (too many connections), and what the
// socket says. Whether a statement that was under way took effect is unknown in all of them.
const unavailableStates = new Set(['57P01', '57P02', '57P03', '57P05', '53300']);
const unavailableSockets = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  // A Unix socket whose server is not there, or has more waiting connections than it takes.
  'ENOENT',
  'EAGAIN',
  'ENOTFOUND',
  'EHOSTUNREACH',
  'ENETUNREACH',
]);
// 53100 disk full, 53200 out of memory (shared memory of a full tmpfs reports so), 53400 configured limit.
// 22021 for a text column, 22P05 for a member of jsonb: the one character that Postgres cannot store.
const nulStates = new Set(['22021', '22P05']);
const fullStates = new Set(['53100', 'ENOSPC', 'EDQUOT']);
// Prisma's own: unreachable, timed out, closed, pool exhausted.
const unavailablePrisma = new Set(['P1001', 'P1002', 'P1008', 'P1011', 'P1017', 'P2024']);
const unavailableMessages =
  /Connection terminated|Connection ended|timeout exceeded when trying to connect|Query read timeout|Cannot use a pool after calling end|Client has encountered a connection error|not queryable|Server has closed the connection|terminating connection/i;

function codesOf(error: unknown, depth = 0): string[] {
  if (typeof error !== 'object' || error === null || depth > 4) return [];
  const { code, originalCode, cause, kind, meta } = error as Record<string, unknown>;
  const own = [code, originalCode, kind].filter((value): value is string => typeof value === 'string');
  const driver =
    typeof meta === 'object' && meta !== null
      ? (meta as { driverAdapterError?: unknown }).driverAdapterError
      : undefined;
  const nested = error instanceof AggregateError ? error.errors.flatMap((one) => codesOf(one, depth + 1)) : [];
  return [...own, ...codesOf(cause, depth + 1), ...codesOf(driver, depth + 1), ...nested];
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : '';
}

/** Whether `error` says that the connection or the server is gone, so that the fate of what was under way is unknown. */
export function isConnectionError(error: unknown): boolean {
  const known = codesOf(error).some(
    (code) =>
      unavailableStates.has(code) ||
      unavailableSockets.has(code) ||
      unavailablePrisma.has(code) ||
      code === 'database_unavailable' ||
      /^08/.test(code) ||
      code === 'SocketTimeout' ||
      code === 'ConnectionClosed' ||
      code === 'DatabaseNotReachable',
  );
  return known || unavailableMessages.test(messageOf(error));
}

/** Whether `error` is the refusal of a unique key (23505, or Prisma's P2002). */
export function isUniqueViolation(error: unknown): boolean {
  return codesOf(error).some((code) => code === '23505' || code === 'P2002');
}

/**
 * `error` as callers know it: `database_unavailable` when the server cannot be reached or went away,
 * `storage_full` when its disk is full, `invalid_request` when a text holds U+0000, anything else unchanged.
 */
export function databaseError(error: unknown): unknown {
  if (error instanceof WatershedError) return error;
  if (codesOf(error).some((code) => fullStates.has(code))) {
    return new WatershedError('storage_full', 'The database has no room left. Free disk space, then try again.', {
      retryAfterMs: 30_000,
      cause: error,
    });
  }
  if (codesOf(error).some((code) => nulStates.has(code))) {
    return new WatershedError('invalid_request', 'A text in the request holds the character U+0000. Leave it out.', {
      cause: error,
    });
  }
  if (isConnectionError(error)) {
    return new WatershedError('database_unavailable', 'The database cannot be reached. Try again in a moment.', {
      retryAfterMs: 1_000,
      cause: error,
    });
  }
  return error;
}
