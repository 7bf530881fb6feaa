// Models that tests need and the recordings do not have, built in code.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import onnxProto from 'onnx-proto';

const { onnx } = onnxProto;
const { DataType } = onnx.TensorProto;

const valueInfo = (name: string, elemType: number, shape: readonly (number | string)[]) => ({
  name,
  type: {
    tensorType: {
      elemType,
      shape: { dim: shape.map((size) => (typeof size === 'number' ? { dimValue: size } : { dimParam: size })) },
    },
  },
});

const model = (graph: object): Buffer => {
  const message = onnx.ModelProto.create({
    irVersion: 8,
    opsetImport: [{ domain: '', version: 13 }],
    producerName: 'watershed-tests',
    graph,
  });
  return Buffer.from(onnx.ModelProto.encode(message).finish());
};

/**
 * Counts to N (INT64 [1]) one by one inside ONNX Runtime: N is how long it takes, and with a large one it hangs for as long
 * as anyone waits. Output COUNT (FP32 [1]).
 */
export function loopModel(): Buffer {
  const one = { name: 'one', dataType: DataType.FLOAT, dims: [1], floatData: [1] };
  const zero = { name: 'zero', dataType: DataType.FLOAT, dims: [1], floatData: [0] };
  const yes = { name: 'yes', dataType: DataType.BOOL, dims: [], int32Data: [1] };
  const body = {
    name: 'body',
    node: [
      { opType: 'Identity', input: ['cond_in'], output: ['cond_out'] },
      { opType: 'Add', input: ['x_in', 'one'], output: ['x_out'] },
    ],
    initializer: [one],
    input: [
      valueInfo('i', DataType.INT64, []),
      valueInfo('cond_in', DataType.BOOL, []),
      valueInfo('x_in', DataType.FLOAT, [1]),
    ],
    output: [valueInfo('cond_out', DataType.BOOL, []), valueInfo('x_out', DataType.FLOAT, [1])],
  };
  return model({
    name: 'loop',
    node: [
      {
        opType: 'Loop',
        input: ['N', 'yes', 'zero'],
        output: ['COUNT'],
        attribute: [{ name: 'body', type: onnx.AttributeProto.AttributeType.GRAPH, g: body }],
      },
    ],
    initializer: [zero, yes],
    input: [valueInfo('N', DataType.INT64, [1])],
    output: [valueInfo('COUNT', DataType.FLOAT, [1])],
  });
}

/** Y = X + `added`, FP32; free in the first dimension, so that it can batch. */
export function addModel(added: number): Buffer {
  return model({
    name: 'add',
    node: [{ opType: 'Add', input: ['X', 'c'], output: ['Y'] }],
    initializer: [{ name: 'c', dataType: DataType.FLOAT, dims: [1], floatData: [added] }],
    input: [valueInfo('X', DataType.FLOAT, ['n', 2])],
    output: [valueInfo('Y', DataType.FLOAT, ['n', 2])],
  });
}

/** Writes a model into a repository; `config` is left out where undefined. */
export function writeModel(
  repository: string,
  name: string,
  versions: Readonly<Record<string, Buffer>>,
  config?: string,
): void {
  for (const [version, bytes] of Object.entries(versions)) {
    mkdirSync(join(repository, name, version), { recursive: true });
    writeFileSync(join(repository, name, version, 'model.onnx'), bytes);
  }
  mkdirSync(join(repository, name), { recursive: true });
  if (config !== undefined) writeFileSync(join(repository, name, 'config.pbtxt'), config);
}

export const loopConfig = `input { name: "N" data_type: TYPE_INT64 dims: [1] } output { name: "COUNT" data_type: TYPE_FP32 dims: [1] }`;
/** An iteration takes about a microsecond: this one ends with nobody waiting for it. */
export const ENDLESS = 10 ** 15;
