import fc from 'fast-check';
import { propertyRuns } from '#testing';
import {
  type Datatype,
  elementBytes,
  elementsFromJson,
  elementsToJson,
  floatToJson,
  integerRange,
  JsonSpan,
  ProtocolError,
  packText,
} from './index.js';

const span = (text: string) => {
  const bytes = Buffer.from(text);
  return new JsonSpan(bytes, 0, bytes.byteLength);
};
const decode = (text: string, datatype: Datatype, count: number) =>
  Buffer.from(elementsFromJson('X', span(text), datatype, count));
const encode = (data: Uint8Array, datatype: Datatype, shape: number[]) =>
  [...elementsToJson({ name: 'Y', datatype, shape, data })].join('');
const faultOf = (text: string, datatype: Datatype, count: number): string => {
  try {
    decode(text, datatype, count);
    return 'none';
  } catch (error) {
    return error instanceof ProtocolError ? `${error.code} ${error.fault}` : String(error);
  }
};
const integers = Object.keys(integerRange) as Datatype[];

describe.each(integers)('%s', (datatype) => {
  const [low, high] = integerRange[datatype] as readonly [bigint, bigint];

  it('passes every value of its range through, exactly', () => {
    fc.assert(
      fc.property(fc.array(fc.bigInt({ min: low, max: high }), { minLength: 1, maxLength: 20 }), (values) => {
        const data = decode(`[${values.join(',')}]`, datatype, values.length);
        expect(data.byteLength).toBe(values.length * elementBytes[datatype]);
        expect(encode(data, datatype, [values.length])).toBe(values.join(','));
      }),
    );
    expect(encode(decode(`[${low}, ${high}]`, datatype, 2), datatype, [2])).toBe(`${low},${high}`);
  });

  it('refuses what is beyond it instead of wrapping', () => {
    const wide = datatype.endsWith('64');
    const signed = datatype.startsWith('INT');
    expect(faultOf(`[${high + 1n}]`, datatype, 1)).toBe(
      wide ? 'tensor_out_of_range unreadable' : 'tensor_out_of_range unfit',
    );
    expect(faultOf(`[${low - 1n}]`, datatype, 1)).toBe(
      signed && !wide ? 'tensor_out_of_range unfit' : 'tensor_out_of_range unreadable',
    );
  });

  it.each(['1.0', '1e2', '"1"', 'true', 'null', '{}', 'NaN', '1.5'])('takes no %s for an integer', (text) => {
    expect(faultOf(`[${text}]`, datatype, 1)).toBe('tensor_invalid unreadable');
  });
});

describe('floats', () => {
  it('pass FP64 through bit by bit', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { minLength: 1, maxLength: 20 }),
        (values) => {
          const data = decode(`[${values.map(floatToJson).join(',')}]`, 'FP64', values.length);
          expect(values.every((value, i) => Object.is(data.readDoubleLE(i * 8), value))).toBe(true);
          expect(encode(data, 'FP64', [values.length])).toBe(values.map(floatToJson).join(','));
        },
      ),
    );
  });

  it('pass FP32 through', () => {
    fc.assert(
      fc.property(
        fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 1, maxLength: 20 }),
        (values) => {
          const text = values.map(floatToJson).join(',');
          expect(encode(decode(`[${text}]`, 'FP32', values.length), 'FP32', [values.length])).toBe(text);
        },
      ),
    );
  });

  it('are written as Triton writes them', () => {
    expect([2, -0, 1e300, -1e300, 1e-7, 0.1, 16777216, 1e21].map(floatToJson)).toEqual([
      '2.0',
      '-0.0',
      '1e300',
      '-1e300',
      '1e-7',
      '0.1',
      '16777216.0',
      '1e21',
    ]);
    expect(encode(decode('[0.1]', 'FP32', 1), 'FP32', [1])).toBe('0.10000000149011612');
  });

  it('take integers, and refuse NaN, infinities and what overflows', () => {
    expect(decode('[3]', 'FP32', 1).readFloatLE()).toBe(3);
    for (const text of ['NaN', '-NaN', 'Infinity', '-Infinity', 'Inf'])
      expect(faultOf(`[${text}]`, 'FP64', 1)).toBe('tensor_out_of_range unfit');
    expect(faultOf('[1e39]', 'FP32', 1)).toBe('tensor_out_of_range unfit');
    expect(faultOf('["1"]', 'FP32', 1)).toBe('tensor_invalid unreadable');
    expect(faultOf('[1]', 'FP16', 1)).toBe('tensor_invalid unfit');
  });
});

describe('float tokens', () => {
  it('mean what JSON.parse says, however they are written', () => {
    const digits = fc.integer({ min: 0, max: 9 });
    const token = fc.tuple(
      fc.constantFrom('', '-'),
      fc.array(digits, { minLength: 1, maxLength: 20 }),
      fc.array(digits, { maxLength: 20 }),
      fc.option(fc.integer({ min: -330, max: 290 })),
    );
    fc.assert(
      fc.property(token, ([sign, whole, fraction, power]) => {
        const lead = whole.join('').replace(/^0+(?=\d)/, '');
        const text = `${sign}${lead}${fraction.length > 0 ? `.${fraction.join('')}` : ''}${power === null ? '' : `e${power}`}`;
        expect(decode(`[${text}]`, 'FP64', 1).readDoubleLE()).toBe(JSON.parse(text));
      }),
      propertyRuns(3000),
    );
  });
});

describe('counts', () => {
  it('must be those of the shape, however the data are nested', () => {
    expect(decode('[[1,2],[3],[[4]]]', 'INT8', 4)).toEqual(Buffer.from([1, 2, 3, 4]));
    expect(faultOf('[1,2,3]', 'INT8', 4)).toBe('tensor_shape_mismatch unreadable');
    expect(faultOf('[1,2,3,4,5]', 'INT8', 4)).toBe('tensor_shape_mismatch unreadable');
  });

  it('allocate nothing that was not sent', () => {
    const before = process.memoryUsage().arrayBuffers;
    expect(faultOf('[1,2,3]', 'INT32', 2 ** 29 - 1)).toBe('tensor_shape_mismatch unreadable');
    expect(faultOf('[1,2,3]', 'INT32', 2 ** 33)).toBe('tensor_shape_mismatch unfit');
    expect(faultOf('[1,2,3]', 'INT32', Number.POSITIVE_INFINITY)).toBe('tensor_shape_mismatch unfit');
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1_000_000);
  });
});

describe('BYTES', () => {
  it('pass any text through', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme' }), { maxLength: 10 }), (texts) => {
        const data = decode(JSON.stringify(texts), 'BYTES', texts.length);
        expect(data).toEqual(Buffer.from(packText(texts)));
        expect(JSON.parse(`[${encode(data, 'BYTES', [texts.length])}]`)).toEqual(texts);
      }),
    );
  });

  it('take text only, and have no JSON form where they are not UTF-8', () => {
    expect(faultOf('["a", 5]', 'BYTES', 2)).toBe('tensor_invalid unreadable');
    expect(() => encode(Buffer.from([1, 0, 0, 0, 0xff]), 'BYTES', [1])).toThrow(/not UTF-8/);
  });
});

describe('BOOL', () => {
  it('takes true and false only', () => {
    expect(encode(decode('[true, false]', 'BOOL', 2), 'BOOL', [2])).toBe('true,false');
    expect(faultOf('[1]', 'BOOL', 1)).toBe('tensor_invalid unreadable');
  });
});
