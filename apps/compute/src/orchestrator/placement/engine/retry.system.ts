import type { ErrorCode, WireError } from '#errors';

/** What no waiting mends: the model itself, its papers or its place are wrong. */
const permanent: readonly ErrorCode[] = [
  'digest_mismatch',
  'model_invalid',
  'signature_invalid',
  'policy_forbids',
  'blob_unknown',
  'model_unknown',
];
const firstRetryMs = 5_000;
const longestRetryMs = 10 * 60_000;
const crashRetryMs = 60_000;

/** After how many milliseconds a failed placement is tried again by itself; undefined: only when somebody asks. */
export function retryAfterFailure(failure: WireError, failures: number): number | undefined {
  if (permanent.includes(failure.code)) return undefined;
  // Twice in a minute already: a model that kills its process gets longer and longer rests, and costs nobody else.
  const first = failure.code === 'model_crashed' ? crashRetryMs : firstRetryMs;
  return Math.min(first * 2 ** Math.max(0, failures), longestRetryMs);
}
