import { setTimeout as delay } from 'node:timers/promises';

/**
 * Calls `fn` until it neither throws nor answers `false`, and gives what it answered. Rejects at the deadline with the
 * last error, so that a failure says what was still missing.
 */
export async function eventually<Result>(
  fn: () => Result | Promise<Result>,
  { timeoutMs = 5_000, intervalMs = 20 }: { readonly timeoutMs?: number; readonly intervalMs?: number } = {},
): Promise<Exclude<Result, false>> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    let reason: unknown;
    try {
      const result = await fn();
      if (result !== false) return result as Exclude<Result, false>;
      reason = 'it answered false';
    } catch (error) {
      reason = error;
    }
    if (performance.now() > deadline) {
      const message = reason instanceof Error ? reason.message : String(reason);
      throw new Error(`not within ${timeoutMs} ms: ${message}`, { cause: reason });
    }
    await delay(intervalMs);
  }
}
