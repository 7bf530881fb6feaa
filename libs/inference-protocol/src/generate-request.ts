import type { ModelSignature, Tensor, TensorSignature } from './datatypes.js';
import { checkParameter, type InferRequest } from './infer-request.js';
import { isObject, type JsonObject, JsonSpan, type JsonValue, readJson } from './json-value.js';
import { unfit, unreadable } from './protocol-error.js';
import { elementsFromJson, elementsToJson } from './tensor-json.js';

/**
 * Reads the body of a generate request: an object whose members of an input's name are that input, as a value or a flat
 * list, at the top or inside `parameters`; everything else is a parameter. The shape follows from the declared one.
 */
export function readGenerateRequest(body: Uint8Array, model: ModelSignature): InferRequest {
  const names = new Set(model.inputs.map((input) => input.name));
  const root = readJson(body, { spanKeys: names });
  const id = isObject(root) ? root.get('id') : undefined;
  if (id !== undefined && typeof id !== 'string') throw unreadable('invalid_request', "Unable to parse 'id'");
  if (!isObject(root)) throw unreadable('invalid_request', 'the request is no JSON object');
  const inputs: Tensor[] = [];
  const parameters: JsonObject = new Map();
  mapMembers(root, model, inputs, parameters, 0);
  return { id: id ?? '', parameters, inputs, outputs: [], binaryByDefault: false };
}

function mapMembers(
  members: JsonObject,
  model: ModelSignature,
  inputs: Tensor[],
  parameters: JsonObject,
  depth: number,
): void {
  for (const [name, value] of members) {
    if (name === 'parameters' && depth === 0) {
      if (model.inputs.some((input) => input.name === name)) {
        throw unfit('invalid_request', `Keyword '${name}' for nested schema also given as input tensor name`);
      }
      if (!isObject(value)) throw unreadable('invalid_request', `Expected JSON object for keyword: '${name}'`);
      mapMembers(value, model, inputs, parameters, depth + 1);
      continue;
    }
    const signature = model.inputs.find((input) => input.name === name);
    if (signature) inputs.push(inputOf(signature, value, model, inputs));
    else {
      checkParameter(name, value);
      parameters.set(name, value);
    }
  }
}

function inputOf(
  signature: TensorSignature,
  value: JsonValue,
  model: ModelSignature,
  before: readonly Tensor[],
): Tensor {
  const { name, datatype } = signature;
  if (!(value instanceof JsonSpan)) throw unreadable('invalid_request', `Unable to parse '${name}'`);
  const count = value.length;
  const declared = model.maxBatchSize > 0 ? [-1, ...signature.dims] : [...signature.dims];
  const shape = shapeFor(name, declared, count);
  const data = elementsFromJson(name, value, datatype, count);
  if (before.some((input) => input.name === name))
    throw unfit('invalid_request', `input '${name}' already exists in request`);
  return { name, datatype, shape, data };
}

/** Spreads the elements over the fixed dimensions; what is left goes to the innermost free one, the other free ones are 1. */
function shapeFor(name: string, declared: readonly number[], count: number): number[] {
  const misfit = unfit(
    'tensor_shape_mismatch',
    `The schema can not convert input '${name}' to tensor with proper shape`,
  );
  let left = count;
  for (const size of declared) {
    if (size === -1) continue;
    if (left % size !== 0) throw misfit;
    left /= size;
  }
  const shape = [...declared];
  for (let i = shape.length - 1; i >= 0; i--) {
    if (shape[i] !== -1) continue;
    shape[i] = left;
    left = 1;
  }
  if (left !== 1) throw misfit;
  return shape;
}

/** The answer to a generate request: outputs by name, a single element without its list, beside the reserved names. */
export function encodeGenerateResponse(
  head: { id: string; modelName: string; modelVersion: string },
  outputs: readonly Tensor[],
): string {
  const members = new Map<string, string>();
  for (const tensor of outputs) {
    const elements = [...elementsToJson(tensor)].join('');
    const single = tensor.shape.every((size) => size === 1);
    members.set(tensor.name, single ? elements : `[${elements}]`);
  }
  const reserved = { id: head.id, model_name: head.modelName, model_version: head.modelVersion };
  for (const [name, value] of Object.entries(reserved)) if (value !== '') members.set(name, JSON.stringify(value));
  const names = [...members.keys()].sort();
  return `{${names.map((name) => `${JSON.stringify(name)}:${members.get(name)}`).join(',')}}`;
}
