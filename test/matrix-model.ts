import { writeFileSync } from 'node:fs';
import onnxProto from 'onnx-proto';

const { onnx } = onnxProto;

/**
 * Writes an ONNX model of one matrix product, `y = x · W`, with `x` FP32 [1, rows] and W of the wanted size, whose element
 * at (row, column) is `row + 1`: so every element of `y` is the sum of x[i] · (i + 1). Opset 13.
 */
export function writeMatrixModel(file: string, rows: number, columns: number): void {
  const weights = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row += 1) weights.fill(row + 1, row * columns, (row + 1) * columns);
  const tensorType = (dimensions: readonly number[]) => ({
    tensorType: {
      elemType: onnx.TensorProto.DataType.FLOAT,
      shape: { dim: dimensions.map((dimValue) => ({ dimValue })) },
    },
  });
  const model = onnx.ModelProto.create({
    irVersion: 8,
    opsetImport: [{ domain: '', version: 13 }],
    producerName: 'watershed-test',
    graph: {
      name: 'product',
      input: [{ name: 'x', type: tensorType([1, rows]) }],
      output: [{ name: 'y', type: tensorType([1, columns]) }],
      initializer: [
        {
          name: 'W',
          dims: [rows, columns],
          dataType: onnx.TensorProto.DataType.FLOAT,
          rawData: new Uint8Array(weights.buffer),
        },
      ],
      node: [{ opType: 'MatMul', input: ['x', 'W'], output: ['y'] }],
    },
  });
  writeFileSync(file, onnx.ModelProto.encode(model).finish());
}
