/**
 * The few forms of DER (X.690) that a certificate is written in. A value is its tag, its length and its bytes; what is
 * nested is written first.
 */
const universal = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

export function tagged(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([tag]), lengthOf(body.byteLength), body]);
}

function lengthOf(size: number): Buffer {
  if (size < 0x80) return Buffer.from([size]);
  const bytes = Buffer.from(size.toString(16).padStart(size > 0xffff ? 6 : size > 0xff ? 4 : 2, '0'), 'hex');
  return Buffer.concat([Buffer.from([0x80 | bytes.byteLength]), bytes]);
}

export const sequence = (...parts: readonly Uint8Array[]): Buffer => tagged(universal.sequence, ...parts);
export const set = (...parts: readonly Uint8Array[]): Buffer => tagged(universal.set, ...parts);
export const boolean = (value: boolean): Buffer => tagged(universal.boolean, Buffer.from([value ? 0xff : 0]));
export const octets = (bytes: Uint8Array): Buffer => tagged(universal.octetString, bytes);
/** Whole bytes: no bit of the last one is unused. */
export const bits = (bytes: Uint8Array): Buffer => tagged(universal.bitString, Buffer.from([0]), bytes);
export const text = (value: string): Buffer => tagged(universal.utf8String, Buffer.from(value, 'utf8'));

/** A positive integer of these bytes, which begin with none that is 0. A leading bit would make it negative. */
export function integer(bytes: Uint8Array): Buffer {
  const sign = (bytes[0] ?? 0) >= 0x80 ? [0] : [];
  return tagged(universal.integer, Buffer.from(sign), bytes);
}

/** `1.2.840.10045.4.3.2`: the first two numbers share a byte, the others are base 128. */
export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes = [first * 40 + second, ...rest.flatMap(base128)];
  return tagged(universal.oid, Buffer.from(bytes));
}

function base128(value: number): number[] {
  const digits = [value & 0x7f];
  for (let left = value >>> 7; left > 0; left >>>= 7) digits.unshift((left & 0x7f) | 0x80);
  return digits;
}

/** RFC 5280 §4.1.2.5: two digits of the year until 2049, four from then on. */
export function time(at: Date): Buffer {
  const digits = at
    .toISOString()
    .replace(/\.\d+Z$/, 'Z')
    .replace(/[-:T]/g, '');
  if (at.getUTCFullYear() < 2050) return tagged(universal.utcTime, Buffer.from(digits.slice(2), 'ascii'));
  return tagged(universal.generalizedTime, Buffer.from(digits, 'ascii'));
}
