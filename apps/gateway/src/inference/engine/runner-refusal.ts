import { refusal } from '#contracts';
import { type ErrorCode, errorCodes, WatershedError } from '#errors';
import type { RunnerAnswer } from './inference.ports.js';

const known: ReadonlySet<string> = new Set(errorCodes);

/** A service's `{code, message, details?}` as an error of ours; whatever else it sent becomes `fallback`. */
export function refusalOf(
  answer: Pick<RunnerAnswer, 'status' | 'body'>,
  fallback: ErrorCode = 'inference_failed',
): WatershedError {
  const parsed = refusal.safeParse(parse(answer.body));
  if (!parsed.success) return new WatershedError(fallback, `The service failed with status ${answer.status}.`);
  const { code, message, details, retryAfterMs } = parsed.data;
  return new WatershedError(isCode(code) ? code : fallback, message, { details, retryAfterMs });
}

/** A refusal that came over the bus. */
export function errorOfRefusal(refused: {
  code: string;
  message: string;
  details?: WatershedError['details'];
  retryAfterMs?: number;
}) {
  return new WatershedError(isCode(refused.code) ? refused.code : 'internal', refused.message, {
    details: refused.details,
    retryAfterMs: refused.retryAfterMs,
  });
}

function isCode(code: string): code is ErrorCode {
  return known.has(code);
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined; // not ours: told by its status alone
  }
}
