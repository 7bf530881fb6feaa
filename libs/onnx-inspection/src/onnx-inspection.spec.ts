import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { onnx } from 'onnx-proto';
import { isWatershedError } from '#errors';
import { propertyLimitMs, propertyRuns } from '#testing';
import { checkManifest, inspectOnnx, type OnnxFacts } from './index.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'onnx-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const value = (name: string, elemType: number, dims: readonly (number | string)[]): onnx.IValueInfoProto => ({
  name,
  type: {
    tensorType: {
      elemType,
      shape: { dim: dims.map((dim) => (typeof dim === 'string' ? { dimParam: dim } : { dimValue: dim })) },
    },
  },
});
const floats = (name: string, dims: number[]): onnx.ITensorProto => ({
  name,
  dims,
  dataType: 1,
  rawData: new Uint8Array(4 * dims.reduce((a, b) => a * b, 1)),
});
const add: onnx.INodeProto = { opType: 'Add', input: ['X', 'W'], output: ['Y'] };

function modelOf(graph: onnx.IGraphProto = {}, model: onnx.IModelProto = {}): onnx.IModelProto {
  return {
    irVersion: 8,
    opsetImport: [{ domain: '', version: 17 }],
    ...model,
    graph: {
      name: 'g',
      node: [add],
      initializer: [floats('W', [4])],
      input: [value('X', 1, ['N', 4])],
      output: [value('Y', 1, ['N', 4])],
      ...graph,
    },
  };
}

async function inspect(model: onnx.IModelProto | Uint8Array): Promise<OnnxFacts> {
  const path = join(folder, 'model.onnx');
  await writeFile(path, model instanceof Uint8Array ? model : onnx.ModelProto.encode(model).finish());
  return inspectOnnx(path);
}

async function refusal(model: onnx.IModelProto | Uint8Array): Promise<string> {
  try {
    await inspect(model);
    return 'taken';
  } catch (error) {
    return isWatershedError(error, 'model_invalid') ? error.message : `not a refusal: ${String(error)}`;
  }
}

describe('a model file', () => {
  it('says what it takes, gives, uses and weighs', async () => {
    expect(await inspect(modelOf())).toEqual({
      irVersion: 8,
      opset: 17,
      operators: ['Add'],
      parameterCount: 4,
      inputs: [{ name: 'X', datatype: 'FP32', shape: [-1, 4] }],
      outputs: [{ name: 'Y', datatype: 'FP32', shape: [-1, 4] }],
    });
  });

  it('does not count initialisers among its inputs, and counts those of subgraphs', async () => {
    const inner: onnx.IGraphProto = {
      node: [{ opType: 'Mul', domain: 'ai.onnx' }],
      initializer: [floats('V', [2, 3])],
    };
    const facts = await inspect(
      modelOf({
        node: [
          add,
          {
            opType: 'If',
            attribute: [
              { name: 'then_branch', g: inner },
              { name: 'else', graphs: [inner] },
            ],
          },
        ],
        input: [value('X', 1, ['N', 4]), value('W', 1, [4])],
      }),
    );
    expect(facts).toMatchObject({ operators: ['Add', 'If', 'Mul'], parameterCount: 16, inputs: [{ name: 'X' }] });
  });

  it('may use ai.onnx.ml, and functions that it defines itself by standard operators', async () => {
    expect(await refusal(modelOf({ node: [{ opType: 'Scaler', domain: 'ai.onnx.ml' }] }))).toBe('taken');
    const functions = [{ name: 'Twice', domain: 'mine', node: [add] }];
    const uses = modelOf({ node: [{ opType: 'Twice', domain: 'mine' }] });
    expect(await refusal(withFunctions(uses, functions))).toBe('taken');
    expect(await refusal(uses)).toContain('"Twice" of "mine"');
  });

  it('reads every type that the protocol has', async () => {
    const types = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13];
    const facts = await inspect(modelOf({ input: types.map((type) => value(`T${type}`, type, [1])) }));
    expect(facts.inputs.map(({ datatype }) => datatype)).toEqual([
      ...[
        'FP32',
        'UINT8',
        'INT8',
        'UINT16',
        'INT16',
        'INT32',
        'INT64',
        'BYTES',
        'BOOL',
        'FP16',
        'FP64',
        'UINT32',
        'UINT64',
      ],
    ]);
  });
});

/** FunctionProto is younger than onnx-proto: field 25 of the model, its node in field 7, name in 1, domain in 10. */
function withFunctions(
  model: onnx.IModelProto,
  functions: { name: string; domain: string; node: onnx.INodeProto[] }[],
): Uint8Array {
  const field = (number: number, bytes: Uint8Array) => {
    const varint = (n: number): number[] => (n < 128 ? [n] : [(n & 127) | 128, ...varint(n >>> 7)]);
    return Buffer.concat([Buffer.from([...varint(number * 8 + 2), ...varint(bytes.length)]), bytes]);
  };
  const bodies = functions.map(({ name, domain, node }) =>
    field(
      25,
      Buffer.concat([
        field(1, Buffer.from(name)),
        field(10, Buffer.from(domain)),
        ...node.map((each) => field(7, onnx.NodeProto.encode(each).finish())),
      ]),
    ),
  );
  return Buffer.concat([onnx.ModelProto.encode(model).finish(), ...bodies]);
}

describe('a model file is refused', () => {
  const custom: onnx.INodeProto = { opType: 'Launch', domain: 'com.evil' };
  const external: onnx.ITensorProto = {
    name: 'E',
    dims: [1],
    dataType: 1,
    dataLocation: 1,
    externalData: [{ key: 'location', value: '../../etc/passwd' }],
  };
  const within = (graph: onnx.IGraphProto): onnx.IModelProto =>
    modelOf({
      node: [
        {
          opType: 'Loop',
          attribute: [{ name: 'body', g: { node: [{ opType: 'If', attribute: [{ name: 'b', g: graph }] }] } }],
        },
      ],
    });
  let nested: onnx.IGraphProto = {};
  for (let n = 0; n < 40; n += 1) nested = { node: [{ opType: 'If', attribute: [{ name: 'b', g: nested }] }] };

  const cases: [string, onnx.IModelProto, string][] = [
    ['with a custom operator', modelOf({ node: [custom] }), 'com.evil'],
    [
      'with an operator of com.microsoft',
      modelOf({ node: [{ opType: 'Gelu', domain: 'com.microsoft' }] }),
      'com.microsoft',
    ],
    ['with a custom operator two graphs down', within({ node: [custom] }), 'com.evil'],
    ['with data in another file', modelOf({ initializer: [external] }), 'another file'],
    ['with data in another file two graphs down', within({ initializer: [external] }), 'another file'],
    [
      'with data in another file in a constant',
      modelOf({ node: [{ opType: 'Constant', attribute: [{ name: 'value', t: external }] }] }),
      'another file',
    ],
    [
      'with data in another file in a list of tensors',
      modelOf({ node: [{ opType: 'X', attribute: [{ name: 'v', tensors: [external] }] }] }),
      'another file',
    ],
    [
      'that names another file and says otherwise',
      modelOf({ initializer: [{ ...external, dataLocation: 0 }] }),
      'another file',
    ],
    ['with graphs nested without end', modelOf(nested), 'too deep'],
    ['without an opset', modelOf({}, { opsetImport: [] }), 'standard operators'],
    ['with training steps', modelOf({}, { trainingInfo: [{}] }), 'training'],
    ['without outputs', modelOf({ output: [] }), 'no output'],
    ['whose only input is an initialiser', modelOf({ input: [value('W', 1, [4])] }), 'no input'],
    ['with two inputs of one name', modelOf({ input: [value('X', 1, [4]), value('X', 1, [4])] }), 'one name'],
    ['with a sequence for an output', modelOf({ output: [{ name: 'S', type: { sequenceType: {} } }] }), 'not a tensor'],
    ['with bfloat16 for an input', modelOf({ input: [value('X', 16, [4])] }), 'cannot carry'],
    [
      'with an output of no shape',
      modelOf({ output: [{ name: 'Y', type: { tensorType: { elemType: 1 } } }] }),
      'declares no shape',
    ],
    [
      'with less data than it says',
      modelOf({ initializer: [{ ...floats('W', [4]), dims: [1_000_000] }] }),
      'another number of elements',
    ],
    ['with a negative dimension', modelOf({ initializer: [{ name: 'W', dims: [-4], dataType: 1 }] }), 'negative'],
    ['with a node that does nothing', modelOf({ node: [{ input: ['X'] }] }), 'no operator'],
    ['without a graph', { irVersion: 8, opsetImport: [{ version: 17 }] }, 'not an ONNX model'],
    ['without a version', modelOf({}, { irVersion: 0 }), 'not an ONNX model'],
  ];
  it.each(cases)('%s', async (_name, model, reason) => {
    expect(await refusal(model)).toContain(reason);
  });

  it.each([
    ['an empty file', Buffer.alloc(0)],
    ['text', Buffer.from('hello, this is not a model at all\n'.repeat(50))],
    ['JSON', Buffer.from('{"model": true}')],
    ['zeros', Buffer.alloc(4096)],
    ['a ZIP', Buffer.from('PK\u0003\u0004\u0014\u0000\u0000\u0000', 'latin1')],
    ['a PNG', Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex')],
    ['a length beyond the file', Buffer.from([0x3a, 0xff, 0xff, 0xff, 0xff, 0x7f])],
    ['a number without end', Buffer.alloc(64, 0xff)],
  ])('that is %s', async (_name, bytes) => {
    expect(await refusal(bytes)).toContain('not an ONNX model');
  });

  it(
    'wherever it was cut off, and whatever byte was changed, or else it is read: never anything else',
    async () => {
      const whole = Buffer.from(
        onnx.ModelProto.encode(within({ node: [add], initializer: [floats('V', [3])] })).finish(),
      );
      await fc.assert(
        fc.asyncProperty(fc.nat(whole.length - 1), fc.nat(255), fc.boolean(), async (at, byte, cut) => {
          const damaged = Buffer.from(whole);
          damaged[at] = byte;
          expect(await refusal(cut ? whole.subarray(0, at) : damaged)).not.toContain('not a refusal');
        }),
        propertyRuns(600),
      );
    },
    propertyLimitMs(30_000),
  );
});

describe('a large model file', () => {
  it('costs what its structure costs: 300 MB neither fill the memory nor hold up the process', async () => {
    // The weights' bytes are a hole in the file: written as the encoder would, header, length, data.
    const weights = 300 * 1024 * 1024;
    const head = Buffer.from(onnx.ModelProto.encode(modelOf()).finish());
    const path = join(folder, 'large.onnx');
    const varint = (n: number): number[] => (n < 128 ? [n] : [(n % 128) | 128, ...varint(Math.floor(n / 128))]);
    const tensorHead = Buffer.from([0x08, ...varint(weights / 4), 0x10, 1, 0x42, 1, 0x56, 0x4a, ...varint(weights)]);
    const tensorLength = tensorHead.length + weights;
    const initialiser = Buffer.from([0x2a, ...varint(tensorLength)]);
    const graph = Buffer.from([0x3a, ...varint(initialiser.length + tensorLength)]);
    const prefix = Buffer.concat([head, graph, initialiser, tensorHead]);
    const file = await open(path, 'w');
    await file.write(prefix);
    await file.truncate(prefix.length + weights);
    await file.close();

    const before = process.memoryUsage().rss;
    const started = performance.now();
    const facts = await inspectOnnx(path);
    const tookMs = performance.now() - started;
    expect(facts.parameterCount).toBe(4 + weights / 4);
    expect(process.memoryUsage().rss - before).toBeLessThan(50 * 1024 * 1024);
    expect(tookMs).toBeLessThan(1_000);
  });

  it('of many small parts lets other work go on meanwhile', async () => {
    const node: onnx.INodeProto = {
      ...add,
      attribute: [
        { name: 'alpha', f: 1 },
        { name: 'axes', ints: [0, 1, 2] },
      ],
    };
    const path = join(folder, 'wide.onnx');
    await writeFile(
      path,
      onnx.ModelProto.encode(modelOf({ node: Array.from({ length: 60_000 }, () => node) })).finish(),
    );
    expect((await readFile(path)).length).toBeGreaterThan(1_500_000);
    // Turns of the event loop, not milliseconds: those depend on what else the machine does.
    let turns = 0;
    let done = false;
    const turn = (): void => {
      turns += 1;
      if (!done) setImmediate(turn);
    };
    turn();
    await inspectOnnx(path);
    done = true;
    // Two reads may end within one turn of the loop; parsed in one go it would be a turn or two in all.
    expect(turns).toBeGreaterThan(1_500_000 / (64 * 1024) / 4);
  });
});

describe('a manifest', () => {
  const facts: OnnxFacts = {
    irVersion: 8,
    opset: 17,
    operators: ['Add'],
    parameterCount: 4,
    inputs: [{ name: 'X', datatype: 'UINT8', shape: [-1] }],
    outputs: [
      { name: 'L', datatype: 'BYTES', shape: [14] },
      { name: 'P', datatype: 'FP32', shape: [-1] },
    ],
  };
  const manifest = { ...facts, inputs: [...facts.inputs], outputs: [...facts.outputs], maxBatchSize: 0 };
  const text = {
    kind: 'text-classification' as const,
    inputTensor: 'X',
    maxBytes: 10,
    labelsTensor: 'L',
    probabilitiesTensor: 'P',
  };
  const outcome = (change: object): string => {
    try {
      checkManifest({ ...manifest, ...change }, facts);
      return 'fits';
    } catch (error) {
      return isWatershedError(error, 'model_invalid') ? error.message : String(error);
    }
  };
  it.each([
    [{}, 'fits'],
    [{ text }, 'fits'],
    [{ inputs: [{ name: 'X', datatype: 'UINT8', shape: [7] }] }, 'fits'],
    [
      {
        inputs: [{ name: 'X', datatype: 'UINT8', shape: [] }],
        outputs: [
          { name: 'L', datatype: 'BYTES', shape: [] },
          { name: 'P', datatype: 'FP32', shape: [] },
        ],
        maxBatchSize: 4,
      },
      '"L" has the shape [14]',
    ],
    [{ inputs: [{ name: 'X', datatype: 'INT8', shape: [-1] }] }, '"X" is UINT8'],
    [{ inputs: [{ name: 'Z', datatype: 'UINT8', shape: [-1] }] }, 'no input "Z"'],
    [{ inputs: [...manifest.inputs, ...manifest.inputs] }, 'declared twice'],
    [
      {
        outputs: [
          { name: 'L', datatype: 'BYTES', shape: [-1] },
          { name: 'P', datatype: 'FP32', shape: [-1] },
        ],
      },
      '"L" has the shape [14]',
    ],
    [{ outputs: [{ name: 'L', datatype: 'BYTES', shape: [14] }] }, 'has an output "P"'],
    [{ parameterCount: 5 }, 'parameterCount is 4'],
    [{ text: { ...text, labelsTensor: 'P' } }, 'labelsTensor'],
    [{ text: { ...text, inputTensor: 'Q' } }, 'inputTensor'],
    [{ text, inputs: [{ name: 'X', datatype: 'UINT8', shape: [7] }] }, 'any size'],
  ])('%j: %s', (change, expected) => expect(outcome(change)).toContain(expected));
});
