import type { TensorDatatype } from '#contracts';

/** The tensor types of the Open Inference Protocol v2. */
export type Datatype = TensorDatatype;

/** Bytes of one element; 0 for BYTES, whose elements each carry their own length. */
export const elementBytes: Readonly<Record<Datatype, number>> = {
  BOOL: 1,
  UINT8: 1,
  UINT16: 2,
  UINT32: 4,
  UINT64: 8,
  INT8: 1,
  INT16: 2,
  INT32: 4,
  INT64: 8,
  FP16: 2,
  FP32: 4,
  FP64: 8,
  BYTES: 0,
};

export const isDatatype = (name: string): name is Datatype => Object.hasOwn(elementBytes, name);
/** All of them, in one order. */
export const datatypes: readonly Datatype[] = Object.keys(elementBytes).filter(isDatatype);

/** The least and greatest value of each integer type. */
export const integerRange: Readonly<Partial<Record<Datatype, readonly [bigint, bigint]>>> = {
  UINT8: [0n, 0xffn],
  UINT16: [0n, 0xffffn],
  UINT32: [0n, 0xffff_ffffn],
  UINT64: [0n, 0xffff_ffff_ffff_ffffn],
  INT8: [-0x80n, 0x7fn],
  INT16: [-0x8000n, 0x7fffn],
  INT32: [-0x8000_0000n, 0x7fff_ffffn],
  INT64: [-0x8000_0000_0000_0000n, 0x7fff_ffff_ffff_ffffn],
};

/**
 * A tensor in the form of the protocol's binary extension: row-major, little-endian; BOOL as one byte an element; BYTES as
 * a 32-bit length before each element. Every other form is read into and written from this one, so that no value passes
 * through a JavaScript number that cannot hold it.
 */
export interface Tensor {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

/** A tensor as a model declares it: `dims` without the batch dimension where the model batches; -1 is any size. */
export interface TensorSignature {
  readonly name: string;
  readonly datatype: Datatype;
  readonly dims: readonly number[];
  readonly optional?: boolean;
}

/** What a request is checked against. `maxBatchSize` 0: the model does not batch, and `dims` are the whole shape. */
export interface ModelSignature {
  readonly name: string;
  readonly maxBatchSize: number;
  readonly inputs: readonly TensorSignature[];
  readonly outputs: readonly TensorSignature[];
}

/** Elements of a shape, or Infinity when their number is beyond what can be counted exactly. */
export function countElements(shape: readonly number[]): number {
  let count = 1;
  for (const size of shape) {
    if (size === 0) return 0;
    count *= size;
  }
  return Number.isSafeInteger(count) ? count : Number.POSITIVE_INFINITY;
}
