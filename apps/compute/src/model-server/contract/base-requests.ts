/** A valid request to one of the recorded models, from which requests that are almost right are made. */
export interface BaseRequest {
  readonly model: string;
  readonly input: string;
  readonly output: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  /** JSON elements. */
  readonly data: readonly (number | boolean | string)[];
  /** The same as bytes. */
  readonly bytes: Uint8Array;
}

const same = (type: string, view: ArrayBufferView, data: BaseRequest['data']): BaseRequest => ({
  model: `same_${type}`,
  input: 'X',
  output: 'Y',
  datatype: type.toUpperCase(),
  shape: [data.length],
  data,
  bytes: new Uint8Array(view.buffer),
});

/** Four bytes of length before each text. */
function packed(texts: readonly string[]): Uint8Array {
  const pieces = texts.flatMap((text) => {
    const bytes = Buffer.from(text);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(bytes.byteLength);
    return [length, bytes];
  });
  return Buffer.concat(pieces);
}

const words = ['hi', 'Grüße', ''];

/** One for each kind of model. */
export const someBases: readonly BaseRequest[] = [
  {
    model: 'add_one',
    input: 'INPUT0',
    output: 'OUTPUT0',
    datatype: 'INT32',
    shape: [1, 4],
    data: [1, -2, 3, 40],
    bytes: new Uint8Array(Int32Array.of(1, -2, 3, 40).buffer),
  },
  {
    model: 'softmax',
    input: 'X',
    output: 'P',
    datatype: 'FP32',
    shape: [1, 3],
    data: [0.5, -2, 3],
    bytes: new Uint8Array(Float32Array.of(0.5, -2, 3).buffer),
  },
  {
    model: 'text_echo',
    input: 'TEXT',
    output: 'TEXT_OUT',
    datatype: 'BYTES',
    shape: [3],
    data: words,
    bytes: packed(words),
  },
  same('bool', Uint8Array.of(1, 0, 1), [true, false, true]),
  same('uint8', Uint8Array.of(0, 255, 7), [0, 255, 7]),
  same('int64', BigInt64Array.of(0n, -5n, 7n), [0, -5, 7]),
  same('fp32', Float32Array.of(0, -1.5, 7), [0, -1.5, 7]),
];

/** And one for each datatype. */
export const allBases: readonly BaseRequest[] = [
  ...someBases,
  same('int8', Int8Array.of(0, -128, 127), [0, -128, 127]),
  same('int16', Int16Array.of(0, -5, 7), [0, -5, 7]),
  same('uint16', Uint16Array.of(0, 5, 7), [0, 5, 7]),
  same('int32', Int32Array.of(0, -5, 7), [0, -5, 7]),
  same('uint32', Uint32Array.of(0, 5, 7), [0, 5, 7]),
  same('uint64', BigUint64Array.of(0n, 5n, 7n), [0, 5, 7]),
  same('fp64', Float64Array.of(0, -1.5, 7), [0, -1.5, 7]),
  same('fp16', Uint16Array.of(0x3c00, 0xc000, 0), [1, -2, 0]),
];

export const modelsOf = (bases: readonly BaseRequest[]): string[] => bases.map(({ model }) => model);
