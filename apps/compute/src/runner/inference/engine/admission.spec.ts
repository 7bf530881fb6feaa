import { Admission } from './admission.js';

const make = (change: { capacity?: number; capacityBytes?: number } = {}) => {
  const clock = { ms: 0 };
  const admission = new Admission({
    capacity: 2,
    capacityBytes: 100,
    ticketLifetimeMs: 30_000,
    now: () => clock.ms,
    ...change,
  });
  return { admission, clock };
};
const overloaded = expect.objectContaining({ code: 'overloaded', retryAfterMs: expect.any(Number) });

describe('Admission', () => {
  it('refuses beyond its capacity, and says when to try again', () => {
    const { admission } = make();
    admission.reserve(1);
    const second = admission.reserve(1);
    expect(() => admission.reserve(1)).toThrow(overloaded);
    admission.start(second);
    expect(() => admission.reserve(1)).toThrow(overloaded);
    admission.finish(second, 5);
    admission.reserve(1);
    expect(admission.inFlight).toBe(2);
  });

  it('counts bytes too, and lets one large request in alone', () => {
    const { admission } = make({ capacity: 100 });
    const large = admission.reserve(1_000);
    expect(() => admission.reserve(1)).toThrow(overloaded);
    admission.finish(large, 1);
    admission.reserve(60);
    expect(() => admission.reserve(60)).toThrow(overloaded);
  });

  it('gives back the places of tickets that nobody used', () => {
    const { admission, clock } = make();
    admission.reserve(50);
    const used = admission.reserve(50);
    admission.start(used);
    clock.ms = 30_000;
    admission.reserve(50);
    expect(admission.inFlight).toBe(2);
    expect(() => admission.reserve(1)).toThrow(overloaded);
  });

  it('counts a place once, however often it is finished', () => {
    const { admission } = make();
    const place = admission.reserve(1);
    admission.start(place);
    admission.finish(place, 1);
    admission.finish(place, 1);
    admission.start(place);
    expect(admission.inFlight).toBe(0);
  });
});
