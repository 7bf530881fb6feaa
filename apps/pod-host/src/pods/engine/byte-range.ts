import { rangeInvalid } from './pod.errors.js';

export interface ByteRange {
  readonly first: number;
  /** Inclusive. */
  readonly last: number;
}

/**
 * One range of bytes (RFC 9110, 14.2). Undefined when the header asks for something else, several ranges among it: then
 * the whole is the right answer. Throws `invalid_request` when the range lies outside.
 */
export function byteRange(header: string | undefined, sizeBytes: number): ByteRange | undefined {
  const found = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.trim() ?? '');
  if (!found) return undefined;
  const [, from = '', to = ''] = found;
  if (from === '') {
    const wanted = Number(to);
    if (to === '' || wanted === 0 || sizeBytes === 0) throw rangeInvalid(sizeBytes);
    return { first: Math.max(0, sizeBytes - wanted), last: sizeBytes - 1 };
  }
  const first = Number(from);
  const last = to === '' ? sizeBytes - 1 : Math.min(Number(to), sizeBytes - 1);
  if (to !== '' && Number(to) < first) return undefined;
  if (first >= sizeBytes) throw rangeInvalid(sizeBytes);
  return { first, last };
}
