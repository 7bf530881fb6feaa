import fc from 'fast-check';
import type { BaseRequest } from './base-requests.js';

/** JSON as it is sent, where JavaScript would write it otherwise: large integers, `1.0`, things that are no JSON. */
export class Raw {
  constructor(readonly text: string) {}
}

export type Value = null | boolean | number | string | Raw | readonly Value[] | Members;
export interface Members {
  readonly [key: string]: Value;
}

export function textOf(value: Value): string {
  if (value instanceof Raw) return value.text;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(textOf).join(',')}]`;
  const members = Object.entries(value).map(([key, member]) => `${JSON.stringify(key)}:${textOf(member)}`);
  return `{${members.join(',')}}`;
}

/** A request in the middle of being changed. */
export interface Draft {
  readonly base: BaseRequest;
  readonly path: string;
  readonly input: Members;
  /** Beside the inputs. */
  readonly members: Members;
  /** More inputs. */
  readonly more: readonly Value[];
  /** Sent after the JSON; absent where the data are JSON. */
  readonly bytes?: Uint8Array;
  /** Says that the JSON is so much longer than it is. */
  readonly headerLengthBy: number;
  /** This share of the body is sent. */
  readonly keep: number;
}

export interface Change {
  readonly what: string;
  apply(draft: Draft): Draft;
}

export interface MutatedRequest {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** Of its JSON, before the header length says otherwise. */
  readonly headLength: number;
  /** The whole of it, for who has to find out why. */
  readonly shown: string;
  /** Each of its changes alone, where it has several. */
  parts(): readonly MutatedRequest[];
}

function requestOf(base: BaseRequest, changes: readonly Change[]): MutatedRequest {
  const valid: Draft = {
    base,
    path: `/v2/models/${base.model}/infer`,
    input: { name: base.input, shape: base.shape, datatype: base.datatype, data: base.data },
    members: {},
    more: [],
    headerLengthBy: 0,
    keep: 1,
  };
  const { path, input, members, more, bytes, headerLengthBy, keep } = changes.reduce(
    (draft, change) => change.apply(draft),
    valid,
  );
  const head = Buffer.from(textOf({ inputs: [input, ...more], ...members }));
  const whole = Buffer.concat([head, bytes ?? new Uint8Array()]);
  const body = whole.subarray(0, Math.floor(keep * whole.byteLength));
  const length = String(head.byteLength + headerLengthBy);
  const headers: Record<string, string> =
    bytes || headerLengthBy !== 0 ? { 'Inference-Header-Content-Length': length } : {};
  const what = changes.map((change) => change.what).join(', ') || 'unchanged';
  const json = body.subarray(0, head.byteLength).toString();
  const binary = body.subarray(head.byteLength).toString('hex');
  return {
    path,
    headers,
    body,
    headLength: head.byteLength,
    parts: () => (changes.length > 1 ? changes.map((change) => requestOf(base, [change])) : []),
    shown: `POST ${path} ${JSON.stringify(headers)} (${what})\n${json} ${binary}`,
  };
}

/**
 * Valid requests with up to three changes each, drawn by fast-check, so that what two servers disagree about comes down
 * to its smallest form.
 */
export const mutatedRequests = (
  bases: readonly BaseRequest[],
  change: fc.Arbitrary<Change>,
): fc.Arbitrary<MutatedRequest> =>
  fc
    .tuple(fc.constantFrom(...bases), fc.array(change, { maxLength: 3 }))
    .map(([base, changes]) => requestOf(base, changes));
