import fc from 'fast-check';
import { propertyRuns } from '#testing';
import { JsonFloat, JsonSpan, type JsonValue, MAX_JSON_DEPTH, ProtocolError, readJson } from './index.js';

const read = (text: string | Uint8Array) => readJson(Buffer.from(text));
const plain = (value: JsonValue): unknown => {
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, own]) => [key, plain(own)]));
  if (Array.isArray(value)) return value.map(plain);
  return value instanceof JsonFloat ? value.value : value;
};
const faultOf = (text: string | Uint8Array): string => {
  try {
    read(text);
    return 'none';
  } catch (error) {
    return error instanceof ProtocolError ? `${error.code} ${error.fault}` : String(error);
  }
};

describe('readJson', () => {
  it('reads what JSON.stringify writes', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), fc.constantFrom(0, 2), (value, indent) => {
        const text = JSON.stringify(value, undefined, indent);
        // JSON.parse makes integers beyond 2^53 inexact, and -0 of "-0"; neither is written here as a float.
        const want = JSON.parse(text, (_, own) => (Object.is(own, -0) ? 0 : own)) as unknown;
        expect(
          JSON.stringify(plain(read(text)), (_, own: unknown) => (typeof own === 'bigint' ? Number(own) : own)),
        ).toEqual(JSON.stringify(want));
      }),
    );
  });

  it('agrees with JSON.parse about what is JSON', () => {
    const piece = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"a"',
      '"\\u00e9"',
      '"\\x"',
      '1',
      '-0',
      '01',
      '1.',
      '.5',
      '1e5',
      '1e',
      'true',
      'nul',
      'null',
      ' ',
      '\n',
      '"\n"',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        const text = pieces.join('');
        let valid = true;
        try {
          // Beyond FP64, JSON.parse says infinity; Triton and this reader refuse.
          JSON.parse(text, (_, value: unknown) => {
            if (typeof value === 'number' && !Number.isFinite(value)) valid = false;
            return value;
          });
        } catch {
          valid = false;
        }
        expect(faultOf(text)).toBe(valid ? 'none' : 'malformed_body unreadable');
      }),
      propertyRuns(2000),
    );
  });

  it('keeps 64-bit integers exact and tells integers from floats', () => {
    expect(read('18446744073709551615')).toBe(18446744073709551615n);
    expect(read('-9223372036854775808')).toBe(-9223372036854775808n);
    expect(read('9007199254740993')).toBe(9007199254740993n);
    expect(read('18446744073709551616')).toBeInstanceOf(JsonFloat);
    expect(read('1.0')).toEqual(new JsonFloat(1));
    expect(read('1')).toBe(1);
  });

  it('takes the first of equal names, as Triton does', () => {
    expect(plain(read('{"a":1,"a":2}'))).toEqual({ a: 1 });
    expect((read('{"__proto__":1}') as Map<string, unknown>).get('__proto__')).toBe(1);
  });

  it('refuses nesting without using the stack', () => {
    expect(faultOf('['.repeat(100_000))).toBe('input_too_deep unfit');
    expect(faultOf('{"a":'.repeat(100_000))).toBe('input_too_deep unfit');
    const deep = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`;
    expect(faultOf(deep(MAX_JSON_DEPTH))).toBe('none');
    expect(faultOf(deep(MAX_JSON_DEPTH + 1))).toBe('input_too_deep unfit');
    expect(() => readJson(Buffer.from(`{"data":${deep(100_000)}}`), { spanKeys: new Set(['data']) })).toThrow(
      /nested deeper/,
    );
  });

  it.each(['"\\ud800"', '"\\udc00"', '"\\ud800\\u0041"', '1e400', '-1e400', '', ' ', '{"a":1}x', '\u{feff}1'])(
    'refuses %j',
    (text) => {
      expect(faultOf(text)).toBe('malformed_body unreadable');
    },
  );

  it('keeps chosen members in their bytes', () => {
    const value = readJson(Buffer.from('{"data": [1, [2, 3]] , "a": 1}'), { spanKeys: new Set(['data']) }) as Map<
      string,
      JsonValue
    >;
    const span = value.get('data');
    expect(span).toBeInstanceOf(JsonSpan);
    expect((span as JsonSpan).length).toBe(2);
    expect(value.get('a')).toBe(1);
  });

  it('never throws anything but its own error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        expect(faultOf(bytes)).toMatch(/^(none|malformed_body unreadable|input_too_deep unfit)$/);
      }),
      propertyRuns(3000),
    );
  });
});
