import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { onnx } from 'onnx-proto';

type Shape = readonly (number | string)[];
const tensor = (name: string, elemType: number, shape: Shape): onnx.IValueInfoProto => ({
  name,
  type: {
    tensorType: {
      elemType,
      shape: { dim: shape.map((dim) => (typeof dim === 'string' ? { dimParam: dim } : { dimValue: dim })) },
    },
  },
});

/** A working ONNX model, Y = X + W, whose weights take about `sizeBytes`. */
export function onnxFile(sizeBytes = 4_096, change: onnx.INodeProto = {}): Buffer {
  const size = Math.max(1, Math.floor(sizeBytes / 4));
  const weights = { name: 'W', dims: [size], dataType: 1, rawData: new Uint8Array(4 * size).fill(1) };
  const graph = {
    name: 'add',
    node: [{ opType: 'Add', input: ['X', 'W'], output: ['Y'], ...change }],
    initializer: [weights],
    input: [tensor('X', 1, ['N', size])],
    output: [tensor('Y', 1, ['N', size])],
  };
  const model = { irVersion: 8, opsetImport: [{ domain: '', version: 17 }], graph };
  return Buffer.from(onnx.ModelProto.encode(model).finish());
}

export const sha256Of = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** The code of a refusal, or `taken`. */
export const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'taken',
    (error: { code: string }) => error.code,
  );

export async function fileNamesUnder(folder: string): Promise<string[]> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true });
  return found.filter((entry) => entry.isFile()).map((entry) => entry.name);
}
