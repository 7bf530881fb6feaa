import { JsonScanner, type StringSpan } from './json-scanner.js';

/** A number written with fraction or exponent, or beyond 64 bits, or NaN or infinite: never an integer to the protocol. */
export class JsonFloat {
  constructor(readonly value: number) {}
}

/** The bytes of a value that was checked but not read: the `data` of a tensor, read later with its datatype. */
export class JsonSpan {
  constructor(
    readonly bytes: Uint8Array,
    readonly start: number,
    readonly end: number,
  ) {}

  get isArray(): boolean {
    return this.bytes[this.start] === 0x5b;
  }

  /** Elements of the outermost array, or 1 where it is none. */
  get length(): number {
    if (!this.isArray) return 1;
    const scanner = new JsonScanner(this.bytes, this.start, this.end);
    let length = 0;
    scanner.elements(1, () => {
      scanner.skip(1);
      length++;
    });
    return length;
  }
}

/** Integers are `number` where one holds them exactly, else `bigint`; members are a Map, the first of equal names wins. */
export type JsonValue = null | boolean | string | number | bigint | JsonFloat | JsonSpan | JsonValue[] | JsonObject;
export type JsonObject = Map<string, JsonValue>;

export const isObject = (value: JsonValue | undefined): value is JsonObject => value instanceof Map;
export const isInteger = (value: JsonValue | undefined): value is number | bigint =>
  typeof value === 'number' || typeof value === 'bigint';

const INT64_MIN = -(2n ** 63n);
const UINT64_MAX = 2n ** 64n - 1n;

/** The value of a number token: an integer that fits 64 bits, or a float. */
export function numberOf(text: string, integer: boolean): number | bigint | JsonFloat {
  if (!integer) return new JsonFloat(floatOf(text));
  const value = Number(text);
  if (Number.isSafeInteger(value)) return Object.is(value, -0) ? 0 : value;
  const exact = BigInt(text);
  return exact < INT64_MIN || exact > UINT64_MAX ? new JsonFloat(value) : exact;
}

/** A number token as a double; NaN and the infinities as `Inf` or `Infinity`. */
export function floatOf(text: string): number {
  if (text.endsWith('NaN')) return Number.NaN;
  if (text.endsWith('Inf')) return text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  return Number(text);
}

/** The characters of a string span. Bytes that are not UTF-8 become U+FFFD. */
export function stringOf(bytes: Uint8Array, span: StringSpan): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + span.start, span.end - span.start).toString('utf8');
  return span.escaped ? (JSON.parse(`"${text}"`) as string) : text;
}

export interface ReadJsonOptions {
  /** Members of these names are kept as a `JsonSpan`, wherever they stand. */
  readonly spanKeys?: ReadonlySet<string>;
}

/** Reads a whole JSON text; throws `malformed_body` (unreadable) or `input_too_deep`. */
export function readJson(bytes: Uint8Array, options: ReadJsonOptions = {}): JsonValue {
  const scanner = new JsonScanner(bytes);
  if (scanner.next() === -1) scanner.fail('The document is empty.');
  const value = readValue(scanner, 0, options.spanKeys);
  if (scanner.next() !== -1) scanner.fail('The document root must not be followed by other values.');
  return value;
}

function readValue(scanner: JsonScanner, depth: number, spanKeys: ReadonlySet<string> | undefined): JsonValue {
  const byte = scanner.next();
  switch (byte) {
    case 0x22:
      return stringOf(scanner.bytes, scanner.string());
    case 0x7b: {
      const members: JsonObject = new Map();
      scanner.members(depth + 1, (key) => {
        const name = stringOf(scanner.bytes, key);
        const value = spanKeys?.has(name) ? readSpan(scanner, depth + 1) : readValue(scanner, depth + 1, spanKeys);
        if (!members.has(name)) members.set(name, value);
      });
      return members;
    }
    case 0x5b: {
      const elements: JsonValue[] = [];
      scanner.elements(depth + 1, () => {
        elements.push(readValue(scanner, depth + 1, spanKeys));
      });
      return elements;
    }
    case 0x74:
      scanner.word('true');
      return true;
    case 0x66:
      scanner.word('false');
      return false;
    case 0x6e:
      scanner.word('null');
      return null;
    default: {
      const start = scanner.number();
      return numberOf(scanner.text(start, scanner.position), scanner.integer);
    }
  }
}

function readSpan(scanner: JsonScanner, depth: number): JsonSpan {
  scanner.next();
  const start = scanner.position;
  scanner.skip(depth);
  return new JsonSpan(scanner.bytes, start, scanner.position);
}
