import { unfit, unreadable } from './protocol-error.js';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const MINUS = 0x2d;
const isDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39;

/** 10^22 is the last power of ten that a double holds exactly. */
const GREATEST_EXACT_POWER = 22;
const POWERS_OF_TEN = Array.from({ length: GREATEST_EXACT_POWER + 1 }, (_, power) => Number(`1e${power}`));

/** Where a string lies, without its quotes. */
export interface StringSpan {
  readonly start: number;
  readonly end: number;
  readonly escaped: boolean;
}

/** Deepest nesting that is read. Nobody's tensor has so many dimensions; a stack has an end. */
export const MAX_JSON_DEPTH = 64;

/**
 * A cursor over the bytes of a JSON text (RFC 8259). It allocates nothing while it skips, so a body of many megabytes is
 * checked in one pass and its numbers are later read straight into a tensor. Beyond the RFC it reads the tokens NaN, Inf,
 * Infinity and their negatives, because servers of this protocol write them; whoever takes a value decides about them.
 */
export class JsonScanner {
  /** The last number was written without fraction and exponent. */
  integer = false;
  /** The last number as a double; exact where it is an integer of at most 15 digits. */
  value = 0;
  private power = 0;
  private readonly buffer: Buffer;

  constructor(
    readonly bytes: Uint8Array,
    public position = 0,
    readonly end = bytes.length,
  ) {
    this.buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  fail(what: string): never {
    throw unreadable('malformed_body', `failed to parse the request JSON buffer: ${what} at ${this.position}`);
  }

  checkDepth(depth: number): void {
    if (depth > MAX_JSON_DEPTH) {
      throw unfit('input_too_deep', `the request is nested deeper than ${MAX_JSON_DEPTH} levels`);
    }
  }

  /** Skips white space; the byte that stands next, or -1 at the end. */
  next(): number {
    const { bytes, end } = this;
    let at = this.position;
    while (at < end) {
      const byte = bytes[at] as number;
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) break;
      at++;
    }
    this.position = at;
    return at < end ? (bytes[at] as number) : -1;
  }

  /** Takes `byte` if it stands next. */
  take(byte: number): boolean {
    if (this.next() !== byte) return false;
    this.position++;
    return true;
  }

  word(text: string): void {
    for (let i = 0; i < text.length; i++) {
      if (this.bytes[this.position + i] !== text.charCodeAt(i)) this.fail('Invalid value.');
    }
    if (this.position + text.length > this.end) this.fail('Invalid value.');
    this.position += text.length;
  }

  /** The string that starts at the cursor. */
  string(): StringSpan {
    if (this.next() !== QUOTE) this.fail('Missing a string.');
    const { bytes, end } = this;
    let at = this.position + 1;
    const start = at;
    let escaped = false;
    for (;;) {
      if (at >= end) {
        this.position = at;
        this.fail('Missing a closing quotation mark in string.');
      }
      const byte = bytes[at] as number;
      if (byte === QUOTE) break;
      if (byte < 0x20) {
        this.position = at;
        this.fail('Control character in string.');
      }
      if (byte === BACKSLASH) {
        escaped = true;
        this.position = at;
        at = this.escape(at);
      } else at++;
    }
    this.position = at + 1;
    return { start, end: at, escaped };
  }

  /** Checks the escape at `at`; the position after it. */
  private escape(at: number): number {
    const kind = this.bytes[at + 1];
    if (at + 1 >= this.end || kind === undefined || !'"\\/bfnrtu'.includes(String.fromCharCode(kind))) {
      this.fail('Invalid escape character in string.');
    }
    if (kind !== 0x75) return at + 2;
    const unit = this.hex4(at + 2);
    if (unit >= 0xdc00 && unit <= 0xdfff) this.fail('The surrogate pair in string is invalid.');
    if (unit < 0xd800 || unit > 0xdbff) return at + 6;
    if (this.bytes[at + 6] !== BACKSLASH || this.bytes[at + 7] !== 0x75) {
      this.fail('The surrogate pair in string is invalid.');
    }
    const low = this.hex4(at + 8);
    if (low < 0xdc00 || low > 0xdfff) this.fail('The surrogate pair in string is invalid.');
    return at + 12;
  }

  private hex4(at: number): number {
    const text = at + 4 <= this.end ? Buffer.from(this.bytes.subarray(at, at + 4)).toString('latin1') : '';
    if (!/^[0-9a-fA-F]{4}$/.test(text)) this.fail('Incorrect hex digit after \\u escape in string.');
    return Number.parseInt(text, 16);
  }

  /**
   * Skips the number at the cursor and sets `integer` and `value`; returns where it started. Where few digits make the
   * double exact (Clinger's fast path: a mantissa below 10^15, times or by an exact power of ten), no text is made.
   */
  number(): number {
    const { bytes, end } = this;
    const start = this.position;
    let at = start;
    if (bytes[at] === MINUS) at++;
    const first = at < end ? (bytes[at] as number) : -1;
    if (first === 0x49 || first === 0x4e) {
      this.position = at;
      this.specialNumber(first, at > start);
      return start;
    }
    if (!isDigit(first)) this.fail('Invalid value.');
    const whole = at;
    let mantissa = first - 0x30;
    at++;
    if (first !== 0x30) {
      for (let byte = bytes[at] as number; at < end && isDigit(byte); byte = bytes[at] as number) {
        mantissa = mantissa * 10 + (byte - 0x30);
        at++;
      }
    }
    let digits = at - whole;
    let scale = 0;
    this.integer = true;
    if (at < end && bytes[at] === 0x2e) {
      this.integer = false;
      const from = ++at;
      for (let byte = bytes[at] as number; at < end && isDigit(byte); byte = bytes[at] as number) {
        mantissa = mantissa * 10 + (byte - 0x30);
        at++;
      }
      if (at === from) this.failAt(at, 'Missing fraction part in number.');
      scale = at - from;
      digits += scale;
    }
    if (at < end && (bytes[at] === 0x65 || bytes[at] === 0x45)) {
      this.integer = false;
      at = this.exponent(at + 1);
      scale -= this.power;
    }
    this.position = at;
    if (digits <= 15 && scale >= -GREATEST_EXACT_POWER && scale <= GREATEST_EXACT_POWER) {
      const power = POWERS_OF_TEN[Math.abs(scale)] as number;
      const size = scale < 0 ? mantissa * power : mantissa / power;
      this.value = whole > start ? -size : size;
    } else {
      this.value = Number(this.text(start, at));
      if (!Number.isFinite(this.value)) this.fail('Number too big to be stored in double.');
    }
    return start;
  }

  private exponent(from: number): number {
    let at = from;
    const negative = at < this.end && this.bytes[at] === MINUS;
    if (at < this.end && (this.bytes[at] === 0x2b || negative)) at++;
    const digits = at;
    let power = 0;
    while (at < this.end && isDigit(this.bytes[at] as number)) {
      power = Math.min(power * 10 + (this.bytes[at] as number) - 0x30, 1e6);
      at++;
    }
    this.power = negative ? -power : power;
    if (at === digits) this.failAt(at, 'Missing exponent in number.');
    return at;
  }

  private failAt(at: number, what: string): never {
    this.position = at;
    this.fail(what);
  }

  private specialNumber(first: number, negative: boolean): void {
    this.integer = false;
    this.word(first === 0x4e ? 'NaN' : 'Inf');
    if (first === 0x49 && this.bytes[this.position] === 0x69 && this.position < this.end) this.word('inity');
    this.value = first === 0x4e ? Number.NaN : negative ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  }

  text(start: number, end: number): string {
    return this.buffer.toString('latin1', start, end);
  }

  /** Skips one value of any kind, checking that it is JSON. `depth` is that of the value's container. */
  skip(depth: number): void {
    const byte = this.next();
    if (byte === QUOTE) {
      this.string();
    } else if (byte === 0x7b) {
      this.members(depth + 1, () => this.skip(depth + 1));
    } else if (byte === 0x5b) {
      this.elements(depth + 1, () => this.skip(depth + 1));
    } else if (byte === 0x74) this.word('true');
    else if (byte === 0x66) this.word('false');
    else if (byte === 0x6e) this.word('null');
    else this.number();
  }

  /** Walks the members of the object at the cursor. */
  members(depth: number, each: (key: StringSpan) => void): void {
    this.checkDepth(depth);
    this.position++;
    if (this.take(0x7d)) return;
    do {
      if (this.next() !== QUOTE) this.fail('Missing a name for object member.');
      const key = this.string();
      if (!this.take(0x3a)) this.fail('Missing a colon after a name of object member.');
      each(key);
    } while (this.take(0x2c));
    if (!this.take(0x7d)) this.fail('Missing a comma or } after an object member.');
  }

  /** Walks the elements of the array at the cursor. */
  elements(depth: number, each: () => void): void {
    this.checkDepth(depth);
    this.position++;
    if (this.take(0x5d)) return;
    do each();
    while (this.take(0x2c));
    if (!this.take(0x5d)) this.fail('Missing a comma or ] after an array element.');
  }
}
