import { JsonScanner, type StringSpan } from './json-scanner.js';
import { unfit } from './protocol-error.js';

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

/** The number that the scanner has just passed: an integer that fits 64 bits, or a float. */
function numberOf(scanner: JsonScanner, start: number): number | bigint | JsonFloat {
  if (!scanner.integer) return new JsonFloat(scanner.value);
  if (Number.isSafeInteger(scanner.value)) return scanner.value === 0 ? 0 : scanner.value;
  const exact = BigInt(scanner.text(start, scanner.position));
  return exact < INT64_MIN || exact > UINT64_MAX ? new JsonFloat(scanner.value) : exact;
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

/**
 * Values in one text, spans counting once: a value takes a hundred times the memory of the bytes that stand for it, and
 * everything large in this protocol is a span or a string.
 */
export const MAX_JSON_VALUES = 65_536;

/** Reads a whole JSON text; throws `malformed_body` (unreadable) or `input_too_deep`. */
export function readJson(bytes: Uint8Array, options: ReadJsonOptions = {}): JsonValue {
  const scanner = new JsonScanner(bytes);
  if (scanner.next() === -1) scanner.fail('The document is empty.');
  const value = new Reader(scanner, options.spanKeys).value(0);
  if (scanner.next() !== -1) scanner.fail('The document root must not be followed by other values.');
  return value;
}

class Reader {
  private left = MAX_JSON_VALUES;

  constructor(
    private readonly scanner: JsonScanner,
    private readonly spanKeys: ReadonlySet<string> | undefined,
  ) {}

  value(depth: number): JsonValue {
    const { scanner } = this;
    if (--this.left < 0)
      throw unfit('invalid_request', `the request has more than ${MAX_JSON_VALUES} values outside of data`);
    switch (scanner.next()) {
      case 0x22:
        return stringOf(scanner.bytes, scanner.string());
      case 0x7b: {
        const members: JsonObject = new Map();
        scanner.members(depth + 1, (key) => {
          const name = stringOf(scanner.bytes, key);
          const value = this.spanKeys?.has(name) ? this.span(depth + 1) : this.value(depth + 1);
          if (!members.has(name)) members.set(name, value);
        });
        return members;
      }
      case 0x5b: {
        const elements: JsonValue[] = [];
        scanner.elements(depth + 1, () => {
          elements.push(this.value(depth + 1));
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
      default:
        return numberOf(scanner, scanner.number());
    }
  }

  private span(depth: number): JsonSpan {
    const { scanner } = this;
    if (--this.left < 0)
      throw unfit('invalid_request', `the request has more than ${MAX_JSON_VALUES} values outside of data`);
    scanner.next();
    const start = scanner.position;
    scanner.skip(depth);
    return new JsonSpan(scanner.bytes, start, scanner.position);
  }
}
