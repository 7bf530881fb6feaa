import { errorCodes, type WireError } from '#errors';
import { REMEMBERED_CALLS } from './caller-window.js';

/** A message beyond this size is a mistake: content goes over HTTP, the bus carries control. */
export const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;

/**
 * A request on the wire. `i` names the caller's process and `n` counts its calls to this node from 1, together the
 * correlation id; `t` is what is left of the deadline in ms when it was sent and `s` the sender's monotonic clock then;
 * `p` the W3C traceparent; `d` the payload.
 */
export interface RequestEnvelope {
  readonly i: string;
  readonly n: number;
  readonly t: number;
  readonly s: number;
  readonly p?: string;
  readonly d: unknown;
}

/** An answer: `e` when it was refused, else `d`. */
export interface ReplyEnvelope {
  readonly i: string;
  readonly n: number;
  readonly d?: unknown;
  readonly e?: WireError;
}

/** Built by hand around the payload's JSON, which is made once for all attempts of a call. */
export function writeRequest(
  i: string,
  n: number,
  leftMs: number,
  sentAt: number,
  traceparent: string | undefined,
  payloadJson: string,
): string {
  const trace = traceparent === undefined ? '' : `,"p":${JSON.stringify(traceparent)}`;
  return `{"i":"${i}","n":${n},"t":${Math.ceil(leftMs)},"s":${sentAt.toFixed(1)}${trace},"d":${payloadJson}}`;
}

export function writeReply(i: string, n: number, payloadJson: string): string {
  return `{"i":"${i}","n":${n},"d":${payloadJson}}`;
}

export function writeRefusal(i: string, n: number, error: WireError): string {
  return `{"i":"${i}","n":${n},"e":${JSON.stringify(error)}}`;
}

export function writeBroadcast(i: string, sentAt: number, payloadJson: string): string {
  return `{"i":"${i}","s":${sentAt.toFixed(1)},"d":${payloadJson}}`;
}

/** Calls of process `i`, and the number of the probe that asks about them or is answered. */
export interface CallList {
  readonly i: string;
  readonly p: number;
  readonly n: readonly number[];
}

export function writeCallList(i: string, p: number, n: readonly number[]): string {
  return `{"i":"${i}","p":${p},"n":[${n.join(',')}]}`;
}

const INSTANCE = /^[A-Za-z0-9_-]{1,32}$/;
const codes: ReadonlySet<string> = new Set(errorCodes);

function readObject(text: string): Record<string, unknown> | undefined {
  if (text.length > MAX_MESSAGE_BYTES) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    // Not JSON: the same to the caller as JSON of another shape, which is counted and dropped.
    return undefined;
  }
}

const isInstance = (value: unknown): value is string => typeof value === 'string' && INSTANCE.test(value);
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) > 0;
const isTime = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);

export function readRequest(text: string): RequestEnvelope | undefined {
  const read = readObject(text);
  if (!read || !isInstance(read.i) || !isCount(read.n) || !isTime(read.t) || !isTime(read.s)) return undefined;
  const p = typeof read.p === 'string' && read.p.length <= 128 ? read.p : undefined;
  return { i: read.i, n: read.n, t: read.t, s: read.s, p, d: read.d };
}

/** The correlation id of a cancellation. */
export function readCancel(text: string): { i: string; n: number } | undefined {
  const read = readObject(text);
  return read && isInstance(read.i) && isCount(read.n) ? { i: read.i, n: read.n } : undefined;
}

export function readCallList(text: string): CallList | undefined {
  const read = readObject(text);
  if (!read || !isInstance(read.i) || !isCount(read.p) || !Array.isArray(read.n)) return undefined;
  if (read.n.length === 0 || read.n.length > REMEMBERED_CALLS || !read.n.every(isCount)) return undefined;
  return { i: read.i, p: read.p, n: read.n };
}

export function readBroadcast(text: string): { i: string; s: number; d: unknown } | undefined {
  const read = readObject(text);
  if (!read || !isInstance(read.i) || !isTime(read.s)) return undefined;
  return { i: read.i, s: read.s, d: read.d };
}

export function readReply(text: string): ReplyEnvelope | undefined {
  const read = readObject(text);
  if (!read || !isInstance(read.i) || !isCount(read.n)) return undefined;
  if (read.e === undefined) return { i: read.i, n: read.n, d: read.d };
  const e = readWireError(read.e);
  return { i: read.i, n: read.n, e };
}

/** An error of a code that this version does not know is still an error: `internal`, its text kept out. */
function readWireError(value: unknown): WireError {
  const unknown: WireError = { code: 'internal', message: 'The node that was called answered with an unknown error.' };
  if (typeof value !== 'object' || value === null) return unknown;
  const error = value as Partial<WireError>;
  if (typeof error.code !== 'string' || !codes.has(error.code) || typeof error.message !== 'string') return unknown;
  return {
    code: error.code,
    message: error.message,
    ...(typeof error.details === 'object' && error.details !== null ? { details: error.details } : {}),
    ...(typeof error.retryAfterMs === 'number' ? { retryAfterMs: error.retryAfterMs } : {}),
  };
}
