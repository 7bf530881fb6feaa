// Read once a file; `npm run test:all` sets it (scripts/test.mjs).
const all = process.env.WATERSHED_TEST_ALL === '1';

/** The seed of `npm test`: the same sequences every time, so that a red run is red again. */
const seed = 20_261_121;

/** For `fc.assert`, and for a test's own loop. */
export interface PropertyRuns {
  readonly numRuns: number;
  readonly seed?: number;
}

/**
 * How often a test that draws at random runs: `numRuns` times from a fixed seed in `npm test`, `factor` times as often
 * and from another seed each time in `npm run test:all`, where a failure prints the seed to begin from again.
 */
export function propertyRuns(numRuns: number, factor = 10): PropertyRuns {
  return all ? { numRuns: numRuns * factor } : { numRuns, seed };
}

/** A time limit for such a test, as long as its runs want. */
export function propertyLimitMs(limitMs: number, factor = 10): number {
  return all ? limitMs * factor : limitMs;
}
