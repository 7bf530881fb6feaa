import { WatershedError } from '#errors';

export interface AdmissionLimits {
  /** Tickets given out and not yet used, and inferences under way, together. */
  readonly capacity: number;
  /** What all of them may send together, so that a burst of large requests is refused before it fills the memory. */
  readonly capacityBytes: number;
  /** A ticket that nobody used by then is as good as none. */
  readonly ticketLifetimeMs: number;
  readonly now: () => number;
}

/** One admitted inference, from its ticket to its answer. */
export interface Place {
  readonly expiresAtMs: number;
  readonly sizeBytes: number;
  state: 'reserved' | 'running' | 'over';
}

/**
 * How much this runner takes on. Beyond the capacity a caller hears `overloaded` at once, with a time to wait, instead
 * of standing in a queue that outlives its patience. All tickets live equally long, so the oldest is always first to go.
 */
export class Admission {
  private readonly reserved = new Set<Place>();
  private running = 0;
  private bytes = 0;
  /** Moving average of how long an inference takes: what a caller is told to wait. */
  private averageMs = 10;

  constructor(private readonly limits: AdmissionLimits) {}

  get inFlight(): number {
    return this.reserved.size + this.running;
  }

  get capacity(): number {
    return this.limits.capacity;
  }

  /** Throws `overloaded`. */
  reserve(sizeBytes: number): Place {
    const now = this.limits.now();
    this.forget(now);
    // One that is larger than all the room is let in alone rather than never.
    const full = this.bytes > 0 && this.bytes + sizeBytes > this.limits.capacityBytes;
    if (full || this.inFlight >= this.limits.capacity) {
      throw new WatershedError('overloaded', 'This runner has as much work as it takes. Try again shortly.', {
        retryAfterMs: Math.max(10, Math.round(this.averageMs)),
      });
    }
    const place: Place = { expiresAtMs: now + this.limits.ticketLifetimeMs, sizeBytes, state: 'reserved' };
    this.reserved.add(place);
    this.bytes += sizeBytes;
    return place;
  }

  /** The ticket is used. */
  start(place: Place): void {
    if (place.state !== 'reserved') return;
    this.reserved.delete(place);
    place.state = 'running';
    this.running += 1;
  }

  finish(place: Place, tookMs: number): void {
    if (place.state === 'over') return;
    if (place.state === 'reserved') this.reserved.delete(place);
    else {
      this.running -= 1;
      this.averageMs += (tookMs - this.averageMs) * 0.05;
    }
    this.bytes -= place.sizeBytes;
    place.state = 'over';
  }

  private forget(now: number): void {
    for (const place of this.reserved) {
      if (place.expiresAtMs > now) return;
      place.state = 'over';
      this.bytes -= place.sizeBytes;
      this.reserved.delete(place);
    }
  }
}
