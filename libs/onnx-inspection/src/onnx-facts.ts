import type { TensorDatatype, TensorSpec } from '#contracts';

/** What an ONNX file says of itself. */
export interface OnnxFacts {
  readonly irVersion: number;
  /** Of the standard operators. */
  readonly opset: number;
  /** Sorted; those of `ai.onnx.ml` with their domain before them. */
  readonly operators: readonly string[];
  /** Elements of all initialisers, subgraphs included. */
  readonly parameterCount: number;
  /** Full shapes; −1 where the file leaves a dimension open. */
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
}

/** ONNX's element types (TensorProto.DataType) in the words of the inference protocol. */
export const datatypeOf: ReadonlyMap<number, TensorDatatype> = new Map<number, TensorDatatype>([
  [1, 'FP32'],
  [2, 'UINT8'],
  [3, 'INT8'],
  [4, 'UINT16'],
  [5, 'INT16'],
  [6, 'INT32'],
  [7, 'INT64'],
  [8, 'BYTES'],
  [9, 'BOOL'],
  [10, 'FP16'],
  [11, 'FP64'],
  [12, 'UINT32'],
  [13, 'UINT64'],
]);

/** Bits of one element in `raw_data`; types not named here are not checked. */
export const elementBits: ReadonlyMap<number, number> = new Map([
  [1, 32],
  [2, 8],
  [3, 8],
  [4, 16],
  [5, 16],
  [6, 32],
  [7, 64],
  [9, 8],
  [10, 16],
  [11, 64],
  [12, 32],
  [13, 64],
  [14, 64],
  [15, 128],
  [16, 16],
]);
