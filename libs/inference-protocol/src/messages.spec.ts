import fc from 'fast-check';
import { propertyRuns } from '#testing';
import {
  bytesElements,
  type Datatype,
  elementBytes,
  encodeGenerateResponse,
  encodeInferRequest,
  encodeInferResponse,
  fitRequest,
  type ModelSignature,
  ProtocolError,
  packText,
  rawRequest,
  readGenerateRequest,
  readInferRequest,
  readInferResponse,
  type Tensor,
} from './index.js';

const model: ModelSignature = {
  name: 'm',
  maxBatchSize: 8,
  inputs: [{ name: 'A', datatype: 'INT32', dims: [4] }],
  outputs: [{ name: 'B', datatype: 'INT32', dims: [4] }],
};
const whole = (chunks: readonly Uint8Array[]) => Buffer.concat(chunks);
const json = (value: unknown) => Buffer.from(JSON.stringify(value));
const input = (over: object = {}) => ({ name: 'A', shape: [1, 4], datatype: 'INT32', data: [1, 2, 3, 4], ...over });

const faultOf = (action: () => unknown): string => {
  try {
    action();
    return 'none';
  } catch (error) {
    return error instanceof ProtocolError ? `${error.code} ${error.fault}` : String(error);
  }
};
const fitting =
  (body: Buffer, headerLength?: number, signature = model) =>
  () =>
    fitRequest(readInferRequest(body, headerLength), signature);

const tensors = fc.array(
  fc.tuple(
    fc.constantFrom(...(Object.keys(elementBytes) as Datatype[])),
    fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 3 }),
    fc.infiniteStream(fc.integer({ min: 0, max: 255 })),
  ),
  { maxLength: 4 },
);
const tensorOf = ([datatype, shape, bytes]: readonly [Datatype, number[], Iterator<number>], index: number): Tensor => {
  const count = shape.reduce((a, b) => a * b, 1);
  const next = () => bytes.next().value as number;
  const data =
    datatype === 'BYTES'
      ? packText(Array.from({ length: count }, () => `${next()}`))
      : Buffer.from(
          Array.from({ length: count * elementBytes[datatype] }, () => (datatype === 'BOOL' ? next() & 1 : next())),
        );
  return { name: `T${index}`, datatype, shape, data };
};

describe('requests and responses', () => {
  it('come back as they were written in binary', () => {
    fc.assert(
      fc.property(tensors, fc.string(), (drawn, id) => {
        const list = drawn.map(tensorOf);
        const request = encodeInferRequest({ id, inputs: list, outputs: ['Y'] });
        const read = readInferRequest(whole(request.chunks), request.headerLength);
        expect(read.inputs.map((own) => ({ ...own, data: Buffer.from(own.data) }))).toEqual(
          list.map((own) => ({ ...own, data: Buffer.from(own.data) })),
        );
        expect(read.id).toBe(id);
        expect(read.outputs).toEqual([{ name: 'Y', binary: true, classification: 0 }]);
        expect(request.byteLength).toBe(whole(request.chunks).byteLength);
        const response = encodeInferResponse(
          { id, modelName: 'm', modelVersion: '1' },
          list.map((tensor) => ({ tensor, binary: true })),
        );
        const answer = readInferResponse(whole(response.chunks), response.headerLength);
        expect(answer.outputs.map((own) => Buffer.from(own.data))).toEqual(list.map((own) => Buffer.from(own.data)));
      }),
    );
  });

  it('say the same in JSON and in binary', () => {
    const fromJson = readInferRequest(json({ inputs: [input()] })).inputs;
    const header = json({
      inputs: [{ name: 'A', shape: [1, 4], datatype: 'INT32', parameters: { binary_data_size: 16 } }],
    });
    const data = Buffer.alloc(16);
    for (let i = 0; i < 4; i++) data.writeInt32LE(i + 1, i * 4);
    const fromBinary = readInferRequest(Buffer.concat([header, data]), header.byteLength).inputs;
    expect(Buffer.from(fromJson[0]?.data ?? [])).toEqual(Buffer.from(fromBinary[0]?.data ?? []));
  });

  const binary = (size: number, bytes: number, parameters = {}) => {
    const header = json({
      inputs: [{ name: 'A', shape: [1, 4], datatype: 'INT32', parameters: { binary_data_size: size, ...parameters } }],
    });
    return fitting(Buffer.concat([header, Buffer.alloc(bytes)]), header.byteLength);
  };

  it.each<[string, () => unknown, string]>([
    ['a fitting request', fitting(json({ inputs: [input()] })), 'none'],
    ['no inputs', fitting(json({})), 'invalid_request unreadable'],
    ['inputs that are no list', fitting(json({ inputs: {} })), 'invalid_request unreadable'],
    [
      'an input without a name',
      fitting(json({ inputs: [{ ...input(), name: undefined }] })),
      'invalid_request unreadable',
    ],
    ['an input of no object', fitting(json({ inputs: [3] })), 'invalid_request unfit'],
    ['a negative size', fitting(json({ inputs: [input({ shape: [1, -4] })] })), 'invalid_request unreadable'],
    [
      'a shape of 2^31',
      fitting(json({ inputs: [input({ shape: [2 ** 31, 4], data: [1, 2, 3] })] })),
      'tensor_shape_mismatch unfit',
    ],
    [
      'a shape whose product overflows',
      fitting(Buffer.from('{"inputs":[{"name":"A","shape":[4611686018427387904,4],"datatype":"INT32","data":[1]}]}')),
      'tensor_shape_mismatch unfit',
    ],
    ['a batch of none', fitting(json({ inputs: [input({ shape: [0, 4], data: [] })] })), 'tensor_shape_mismatch unfit'],
    [
      'a batch too large',
      fitting(json({ inputs: [input({ shape: [9, 4], data: Array(36).fill(0) })] })),
      'tensor_shape_mismatch unfit',
    ],
    [
      'another shape',
      fitting(json({ inputs: [input({ shape: [1, 3], data: [1, 2, 3] })] })),
      'tensor_shape_mismatch unfit',
    ],
    ['another datatype', fitting(json({ inputs: [input({ datatype: 'INT64' })] })), 'tensor_invalid unfit'],
    ['no datatype of the protocol', fitting(json({ inputs: [input({ datatype: 'INT5' })] })), 'tensor_invalid unfit'],
    ['an unknown input', fitting(json({ inputs: [input({ name: 'Z' })] })), 'tensor_invalid unfit'],
    ['an input twice', fitting(json({ inputs: [input(), input()] })), 'invalid_request unfit'],
    ['too few inputs', fitting(json({ inputs: [] })), 'tensor_invalid unfit'],
    ['an unknown output', fitting(json({ inputs: [input()], outputs: [{ name: 'Z' }] })), 'tensor_invalid unfit'],
    [
      'a reserved parameter',
      fitting(json({ inputs: [input()], parameters: { triton_x: 1 } })),
      'invalid_request unfit',
    ],
    [
      'a parameter that is a list',
      fitting(json({ inputs: [input()], parameters: { mine: [] } })),
      'invalid_request unfit',
    ],
    [
      'a priority that is text',
      fitting(json({ inputs: [input()], parameters: { priority: 'x' } })),
      'invalid_request unreadable',
    ],
    ['an id that is a number', fitting(json({ id: 5, inputs: [input()] })), 'invalid_request unreadable'],
    [
      'shared memory',
      fitting(json({ inputs: [{ ...input(), data: undefined, parameters: { shared_memory_region: 'r' } }] })),
      'invalid_request unfit',
    ],
    ['binary data', binary(16, 16), 'none'],
    ['binary data too short', binary(16, 12), 'tensor_shape_mismatch unfit'],
    ['binary data too long', binary(16, 20), 'tensor_shape_mismatch unfit'],
    ['binary data not of the shape', binary(12, 12), 'tensor_shape_mismatch unfit'],
    ['a binary size of 2^63', binary(2 ** 63, 16), 'tensor_shape_mismatch unfit'],
    ['a negative binary size', binary(-16, 16), 'invalid_request unreadable'],
  ])('%s', (_, action, fault) => {
    expect(faultOf(action)).toBe(fault);
  });

  it('refuse booleans that are neither 0 nor 1', () => {
    const signature: ModelSignature = {
      ...model,
      maxBatchSize: 0,
      inputs: [{ name: 'A', datatype: 'BOOL', dims: [2] }],
    };
    expect(faultOf(() => fitRequest(rawRequest(Buffer.from([1, 2]), { ...signature }), signature))).toBe(
      'tensor_out_of_range unfit',
    );
  });

  it('check the lengths inside BYTES', () => {
    const texts: ModelSignature = { ...model, maxBatchSize: 0, inputs: [{ name: 'A', datatype: 'BYTES', dims: [-1] }] };
    const of = (data: Uint8Array, shape: number[]) => {
      const request = encodeInferRequest({ inputs: [{ name: 'A', datatype: 'BYTES', shape, data }] });
      return faultOf(fitting(whole(request.chunks), request.headerLength, texts));
    };
    expect(of(packText(['a', 'b']), [2])).toBe('none');
    expect(of(packText(['a', 'b']), [1])).toBe('tensor_shape_mismatch unfit');
    expect(of(Buffer.from([0xff, 0xff, 0xff, 0x7f, 1]), [1])).toBe('tensor_invalid unfit');
    expect(of(Buffer.from([1, 0]), [1])).toBe('tensor_invalid unfit');
    expect(bytesElements({ name: 'A', data: packText(['', 'ü']) }).map((own) => Buffer.from(own).toString())).toEqual([
      '',
      'ü',
    ]);
  });

  it('deduce the shape of a raw body', () => {
    const free: ModelSignature = {
      ...model,
      maxBatchSize: 0,
      inputs: [{ name: 'A', datatype: 'FP32', dims: [2, -1] }],
    };
    expect(rawRequest(Buffer.alloc(24), free).inputs[0]?.shape).toEqual([2, 3]);
    expect(rawRequest(Buffer.alloc(16), model).inputs[0]?.shape).toEqual([1, 4]);
    expect(
      faultOf(() =>
        rawRequest(Buffer.alloc(4), { ...free, inputs: [{ name: 'A', datatype: 'FP32', dims: [-1, -1] }] }),
      ),
    ).toBe('invalid_request unfit');
    expect(faultOf(() => rawRequest(Buffer.alloc(4), { ...model, inputs: [] }))).toBe('invalid_request unfit');
  });

  it('never throw anything but their own errors', () => {
    const valid = JSON.stringify({
      id: 'x',
      inputs: [input()],
      outputs: [{ name: 'B', parameters: { binary_data: true } }],
    });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(valid.length), fc.nat(6), fc.string({ maxLength: 3 })), { maxLength: 4 }),
        fc.integer({ min: 0, max: 200 }),
        (edits, headerLength) => {
          let text = valid;
          for (const [at, cut, put] of edits) text = text.slice(0, at) + put + text.slice(at + cut);
          const body = Buffer.from(text);
          expect(faultOf(fitting(body))).toMatch(/^(none|\w+ un(fit|readable))$/);
          expect(faultOf(fitting(body, Math.min(headerLength, body.byteLength)))).toMatch(
            /^(none|\w+ un(fit|readable))$/,
          );
          expect(faultOf(() => readInferResponse(body))).toMatch(/^(none|\w+ un(fit|readable))$/);
        },
      ),
      propertyRuns(3000),
    );
  });
});

describe('generate', () => {
  it('spreads values over the declared shape', () => {
    const request = readGenerateRequest(json({ id: '7', A: [1, 2, 3, 4, 5, 6, 7, 8], parameters: { t: 0.5 } }), model);
    expect(request.inputs[0]?.shape).toEqual([2, 4]);
    expect(request.parameters.has('t')).toBe(true);
    const text: ModelSignature = { ...model, maxBatchSize: 0, inputs: [{ name: 'A', datatype: 'BYTES', dims: [1] }] };
    expect(readGenerateRequest(json({ parameters: { A: 'hi' } }), text).inputs[0]?.shape).toEqual([1]);
  });

  it.each<[string, unknown, string]>([
    ['a list that does not divide', { A: [1, 2, 3] }, 'tensor_shape_mismatch unfit'],
    ['nested lists', { A: [[1, 2], [3, 4], 5, 6] }, 'tensor_shape_mismatch unreadable'],
    ['parameters that are no object', { A: [1, 2, 3, 4], parameters: 3 }, 'invalid_request unreadable'],
    ['a parameter that is null', { A: [1, 2, 3, 4], x: null }, 'invalid_request unfit'],
    ['an input inside and outside', { A: [1, 2, 3, 4], parameters: { A: [1, 2, 3, 4] } }, 'invalid_request unfit'],
    ['a list', [1], 'invalid_request unreadable'],
  ])('refuses %s', (_, body, fault) => {
    expect(faultOf(() => readGenerateRequest(json(body), model))).toBe(fault);
  });

  it('answers by name, in order', () => {
    const data = Buffer.alloc(8);
    data.writeInt32LE(7, 4);
    const outputs: Tensor[] = [
      { name: 'OUT', datatype: 'INT32', shape: [2], data },
      { name: 'zed', datatype: 'INT32', shape: [1, 1], data: data.subarray(4) },
    ];
    expect(encodeGenerateResponse({ id: '', modelName: 'm', modelVersion: '1' }, outputs)).toBe(
      '{"OUT":[0,7],"model_name":"m","model_version":"1","zed":7}',
    );
  });
});
