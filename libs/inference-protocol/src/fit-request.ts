import { eachBytesElement } from './bytes-tensor.js';
import { countElements, elementBytes, type ModelSignature, type Tensor, type TensorSignature } from './datatypes.js';
import type { InferRequest } from './infer-request.js';
import { unfit } from './protocol-error.js';

const list = (shape: readonly number[]): string => `[${shape.join(',')}]`;

/**
 * Checks a request against what the model declares, and answers its batch size (1 where the model does not batch). Throws
 * `unfit` errors only: unknown, missing or doubled tensors, another datatype, a shape that does not match, data that are
 * not as long as the shape says. Nothing is copied, and nothing that passes can make a server allocate more than was sent.
 */
export function fitRequest(request: InferRequest, model: ModelSignature): number {
  for (const output of request.outputs) {
    if (!model.outputs.some((known) => known.name === output.name)) {
      throw unfit('tensor_invalid', `unexpected inference output '${output.name}' for model '${model.name}'`);
    }
  }
  checkInputNames(request, model);
  const batch = model.maxBatchSize === 0 ? 1 : batchSize(request.inputs, model);
  for (const input of request.inputs) {
    const signature = model.inputs.find((known) => known.name === input.name);
    if (!signature)
      throw unfit('tensor_invalid', `unexpected inference input '${input.name}' for model '${model.name}'`);
    fitTensor(input, signature, model);
  }
  return batch;
}

function checkInputNames({ inputs }: InferRequest, model: ModelSignature): void {
  const required = model.inputs.filter((input) => !input.optional);
  if (inputs.length >= required.length && inputs.length <= model.inputs.length) return;
  const given = inputs.map((input) => `'${input.name}'`);
  const absent = required
    .filter((want) => !inputs.some((input) => input.name === want.name))
    .map((want) => `'${want.name}'`);
  const range =
    required.length === model.inputs.length
      ? `${model.inputs.length} inputs`
      : `number of inputs between ${required.length} and ${model.inputs.length}`;
  throw unfit(
    'tensor_invalid',
    `expected ${range} but got ${inputs.length} inputs for model '${model.name}'. Got input(s) [${given.join(',')}], but ` +
      `missing required input(s) [${absent.join(',')}]. Please provide all required input(s).`,
  );
}

function batchSize(inputs: readonly Tensor[], model: ModelSignature): number {
  let batch: number | undefined;
  for (const { name, shape } of inputs) {
    const [first] = shape;
    if (first === undefined) {
      throw unfit(
        'tensor_shape_mismatch',
        `input '${name}' has no shape but model requires batch dimension for '${model.name}'`,
      );
    }
    if (batch !== undefined && batch !== first) {
      throw unfit(
        'tensor_shape_mismatch',
        `input '${name}' batch size does not match other inputs for '${model.name}'`,
      );
    }
    batch = first;
  }
  if (batch === 0)
    throw unfit('tensor_shape_mismatch', `inference request batch-size must be above 0 for '${model.name}'`);
  if (batch !== undefined && batch > model.maxBatchSize) {
    throw unfit(
      'tensor_shape_mismatch',
      `inference request batch-size must be <= ${model.maxBatchSize} for '${model.name}'`,
    );
  }
  return batch ?? 1;
}

function fitTensor(input: Tensor, signature: TensorSignature, model: ModelSignature): void {
  if (input.datatype !== signature.datatype) {
    throw unfit(
      'tensor_invalid',
      `inference input '${input.name}' data-type is '${input.datatype}', but model '${model.name}' expects '${signature.datatype}'`,
    );
  }
  const own = model.maxBatchSize === 0 ? input.shape : input.shape.slice(1);
  const fits =
    own.length === signature.dims.length &&
    own.every((size, i) => signature.dims[i] === -1 || signature.dims[i] === size);
  if (!fits) {
    const expected = model.maxBatchSize === 0 ? signature.dims : [-1, ...signature.dims];
    const note = model.maxBatchSize === 0 ? '' : ' The first dimension is the batch.';
    throw unfit(
      'tensor_shape_mismatch',
      `unexpected shape for input '${input.name}' for model '${model.name}'. Expected ${list(expected)}, got ${list(input.shape)}.${note}`,
    );
  }
  const count = countElements(input.shape);
  if (input.datatype === 'BYTES') {
    const found = eachBytesElement(input);
    if (found !== count) {
      throw unfit(
        'tensor_shape_mismatch',
        `unexpected number of string elements ${found} for inference input '${input.name}' for model '${model.name}', expecting ${count}`,
      );
    }
    return;
  }
  const expected = count * elementBytes[input.datatype];
  if (expected !== input.data.byteLength) {
    throw unfit(
      'tensor_shape_mismatch',
      `input byte size mismatch for input '${input.name}' for model '${model.name}'. Expected ${expected}, got ${input.data.byteLength}`,
    );
  }
  if (input.datatype === 'BOOL') checkBooleans(input);
}

/** A byte that is neither 0 nor 1 is no boolean, and undefined behaviour in what runs models. */
function checkBooleans(input: Tensor): void {
  for (const byte of input.data) {
    if (byte > 1)
      throw unfit('tensor_out_of_range', `an element of '${input.name}' is beyond the range of BOOL: ${byte}`);
  }
}

/**
 * The request that a body without any JSON stands for: the whole body is the model's one input. Its shape follows from the
 * declared one; a BYTES input takes the body as its one element.
 */
export function rawRequest(body: Uint8Array, model: ModelSignature): InferRequest {
  const [signature] = model.inputs;
  if (!signature || model.inputs.length !== 1) {
    throw unfit(
      'invalid_request',
      `Raw request must only have 1 input (found 1) to be deduced but got ${model.inputs.length} inputs in '${model.name}' model configuration`,
    );
  }
  const shape = [...signature.dims];
  const variable = shape.filter((size) => size === -1).length;
  if (variable > 1) {
    throw unfit(
      'invalid_request',
      `The shape of the raw input '${signature.name}' can not be deduced because there are more than one variable-sized dimension`,
    );
  }
  const fixed = shape.reduce((product, size) => (size === -1 ? product : product * size), 1);
  let data = body;
  if (signature.datatype === 'BYTES') {
    if (variable > 0 || fixed !== 1) {
      throw unfit(
        'invalid_request',
        `For BYTE datatype raw input '${signature.name}', the model must have input shape [1]`,
      );
    }
    const length = Buffer.alloc(4);
    length.writeUInt32LE(body.byteLength);
    data = Buffer.concat([length, body]);
  } else if (variable === 1) {
    shape[shape.indexOf(-1)] = Math.floor(body.byteLength / fixed / elementBytes[signature.datatype]);
  }
  if (model.maxBatchSize > 0) shape.unshift(1);
  const input: Tensor = { name: signature.name, datatype: signature.datatype, shape, data };
  return { id: '', parameters: new Map(), inputs: [input], outputs: [], binaryByDefault: true };
}
