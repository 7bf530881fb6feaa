import type { ErrorCode } from './codes.js';

/** What a caller may be told beside the code: plain values, never content or secrets. */
export type ErrorDetails = Readonly<Record<string, string | number | boolean | readonly string[] | null>>;

/** The form in which an error crosses the bus and queues. */
export interface WireError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details?: ErrorDetails;
  readonly retryAfterMs?: number;
}

export interface WatershedErrorOptions {
  readonly details?: ErrorDetails;
  /** After how many milliseconds the same request may succeed; absent where it never will. */
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

/** Known to every copy of this package in a process, so that each recognises the others' errors. */
const brand = Symbol.for('watershed.error');

/**
 * A refusal with a stable code. `message` is one sentence that says what to change; it is shown to callers, so it
 * names no person, no secret and no path. Matched by `code`, never by `instanceof` across packages.
 */
export class WatershedError extends Error {
  override readonly name: string = 'WatershedError';
  readonly code: ErrorCode;
  readonly details?: ErrorDetails;
  readonly retryAfterMs?: number;

  constructor(code: ErrorCode, message: string, options: WatershedErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    if (options.details) this.details = options.details;
    if (options.retryAfterMs !== undefined) this.retryAfterMs = options.retryAfterMs;
  }

  get [brand](): true {
    return true;
  }

  toWire(): WireError {
    return {
      code: this.code,
      message: this.message,
      ...(this.details ? { details: this.details } : {}),
      ...(this.retryAfterMs === undefined ? {} : { retryAfterMs: this.retryAfterMs }),
    };
  }

  static fromWire(wire: WireError): WatershedError {
    return new WatershedError(wire.code, wire.message, wire);
  }
}

/** Whether `error` is a refusal of ours, of whichever subclass, with this code (any code when none is named). */
export function isWatershedError(error: unknown, code?: ErrorCode): error is WatershedError {
  if (typeof error !== 'object' || error === null || !(brand in error)) return false;
  return code === undefined || (error as Partial<WatershedError>).code === code;
}

/** A refusal as it may leave the process; whatever is not ours becomes `internal` and keeps its text inside. */
export function toWireError(error: unknown): WireError {
  if (isWatershedError(error)) return error.toWire();
  return {
    code: 'internal',
    message: 'Something failed inside the cluster. Try again; if it stays, tell the operator.',
  };
}
