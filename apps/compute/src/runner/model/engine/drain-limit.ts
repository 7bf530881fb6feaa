/** Somebody else's work gives way to local people within so long. */
export const localDemandMs = 500;

export interface Drain {
  /** What the step under way declared. */
  readonly maxStepMs: number;
  /** What the operator allows at most. */
  readonly capMs?: number;
  /** A person of this cluster waits for what the step holds. */
  readonly localDemand: boolean;
}

/** How long a step may go on when its model's memory is wanted; past it its process is ended. */
export function drainLimitMs({ maxStepMs, capMs = Number.POSITIVE_INFINITY, localDemand }: Drain): number {
  return Math.max(0, Math.min(maxStepMs, capMs, localDemand ? localDemandMs : Number.POSITIVE_INFINITY));
}
