/** A clock that differs from the monotonic one by more than this between two looks has jumped. */
export const jumpMs = 5_000;

/**
 * Decides whether expiry may be acted on. Deadlines are judged by Postgres's clock; when that clock leaps (a machine
 * that slept, a corrected clock), holders that are alive had no chance to renew, so they are renewed before anything is
 * taken away.
 */
export class ExpiryClock {
  #last: { readonly databaseMs: number; readonly monotonicMs: number } | undefined;

  /**
   * `first` after start: callers that waited for this service come before expiry. `jumped`: renew. `steady`: go on.
   */
  observe(databaseMs: number, monotonicMs: number): 'first' | 'jumped' | 'steady' {
    const last = this.#last;
    this.#last = { databaseMs, monotonicMs };
    if (!last) return 'first';
    const driftMs = databaseMs - last.databaseMs - (monotonicMs - last.monotonicMs);
    return Math.abs(driftMs) > jumpMs ? 'jumped' : 'steady';
  }
}
