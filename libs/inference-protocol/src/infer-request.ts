import { countElements, type Datatype, isDatatype, type Tensor } from './datatypes.js';
import { isInteger, isObject, JsonFloat, type JsonObject, JsonSpan, type JsonValue, readJson } from './json-value.js';
import { unfit, unreadable } from './protocol-error.js';
import { elementsFromJson } from './tensor-json.js';

/** What a request wants of an output. */
export interface RequestedOutput {
  readonly name: string;
  readonly binary: boolean;
  /** Above 0: the so many greatest elements as `value:index:label` instead of the tensor. */
  readonly classification: number;
}

export interface InferRequest {
  readonly id: string;
  readonly parameters: JsonObject;
  readonly inputs: readonly Tensor[];
  /** Absent or empty: every output of the model. */
  readonly outputs: readonly RequestedOutput[];
  /** How outputs that are not listed are written. */
  readonly binaryByDefault: boolean;
}

/** Tensors' data stay in their bytes until their datatype is known. */
export const dataKey: ReadonlySet<string> = new Set(['data']);

const member = (name: string, why: string) => unreadable('invalid_request', `Unable to parse '${name}': ${why}`);
const missing = (name: string) => member(name, `attempt to access non-existing object member '${name}'`);

function stringMember(object: JsonValue, name: string): string {
  const value = isObject(object) ? object.get(name) : undefined;
  if (value === undefined) throw missing(name);
  if (typeof value !== 'string') throw member(name, 'attempt to access JSON non-string as string');
  return value;
}

function arrayMember(object: JsonValue, name: string): JsonValue[] {
  const value = isObject(object) ? object.get(name) : undefined;
  if (value === undefined) throw missing(name);
  if (!Array.isArray(value)) throw member(name, 'attempt to access JSON non-array as array');
  return value;
}

function unsigned(value: JsonValue | undefined, name: string): number | bigint {
  if (isInteger(value) && value >= 0) return value;
  throw member(name, 'attempt to access JSON non-unsigned-integer as unsigned-integer');
}

function bool(value: JsonValue | undefined, name: string): boolean {
  if (typeof value === 'boolean') return value;
  throw member(name, 'attempt to access JSON non-boolean as boolean');
}

const parametersOf = (object: JsonValue): JsonObject => {
  const value = isObject(object) ? object.get('parameters') : undefined;
  return isObject(value) ? value : new Map();
};

/**
 * Reads the body of an infer request: JSON, and behind its first `headerLength` bytes the tensors in binary. What it
 * throws says whether it could not be read or not fit; the fit to the model is `fitRequest`'s.
 */
export function readInferRequest(body: Uint8Array, headerLength = body.byteLength): InferRequest {
  const root = readJson(body.subarray(0, headerLength), { spanKeys: dataKey });
  const idValue = isObject(root) ? root.get('id') : undefined;
  if (idValue !== undefined && typeof idValue !== 'string')
    throw member('id', 'attempt to access JSON non-string as string');
  const parameters = readParameters(root);
  const binary = new BinaryTail(body, headerLength);
  const inputs: Tensor[] = [];
  const names = new Set<string>();
  for (const input of arrayMember(root, 'inputs')) inputs.push(readInput(input, binary, names));
  if (binary.left > 0) throw unfit('tensor_shape_mismatch', 'unexpected additional input data behind the last input');
  const outputs = isObject(root) && root.has('outputs') ? arrayMember(root, 'outputs').map(readOutput) : [];
  const binaryByDefault = parameters.get('binary_data_output') === true;
  return { id: idValue ?? '', parameters, inputs, outputs, binaryByDefault };
}

const integerParameters = ['priority', 'timeout'];
const booleanParameters = ['sequence_start', 'sequence_end', 'binary_data_output'];

function readParameters(root: JsonValue): JsonObject {
  const value = isObject(root) ? root.get('parameters') : undefined;
  if (value === undefined) return new Map();
  if (!isObject(value)) throw member('parameters', 'attempt to get members of JSON non-object');
  for (const [name, parameter] of value) {
    if (integerParameters.includes(name)) unsigned(parameter, name);
    else if (booleanParameters.includes(name)) bool(parameter, name);
    else if (name === 'sequence_id') {
      if (typeof parameter !== 'string') unsigned(parameter, name);
    } else if (name.startsWith('triton_')) {
      throw unfit(
        'invalid_request',
        "parameter keys starting with 'triton_' are reserved for Triton usage and should not be specified.",
      );
    } else checkParameter(name, parameter);
  }
  return value;
}

/** A parameter of one's own may be a string, a boolean or a number. */
export function checkParameter(name: string, value: JsonValue): void {
  if (typeof value === 'string' || typeof value === 'boolean' || isInteger(value) || value instanceof JsonFloat) return;
  throw unfit(
    'invalid_request',
    `parameter '${name}' has invalid type. It should be either 'int', 'bool', or 'string'.`,
  );
}

/** The bytes behind the JSON, taken input by input. */
class BinaryTail {
  private at: number;

  constructor(
    private readonly body: Uint8Array,
    private readonly headerLength: number,
  ) {
    this.at = headerLength;
  }

  get left(): number {
    return this.body.byteLength - this.at;
  }

  take(input: string, size: number | bigint): Uint8Array {
    if (this.headerLength === 0) throw unfit('invalid_request', 'binary inputs need Inference-Header-Content-Length');
    if (size > this.left) {
      const more = BigInt(size) - BigInt(this.left);
      throw unfit('tensor_shape_mismatch', `unexpected size for input '${input}', expecting ${more} additional bytes`);
    }
    const data = this.body.subarray(this.at, this.at + Number(size));
    this.at += Number(size);
    return data;
  }
}

function checkOneSource(input: JsonValue): void {
  const parameters = parametersOf(input);
  const set: string[] = [];
  if (isObject(input) && input.has('data')) set.push("'data'");
  if (parameters.has('binary_data_size')) set.push("'binary_data_size'");
  if (parameters.has('shared_memory_region')) set.push("'shared_memory_region'");
  if (set.length === 1) return;
  throw unfit(
    'invalid_request',
    "Input must set only one of the following fields: 'data', 'binary_data_size' in 'parameters', " +
      `'shared_memory_region' in 'parameters'. But ${set.length === 0 ? 'no field is set' : `set ${set.join(' ')}`}`,
  );
}

function readInput(input: JsonValue, binary: BinaryTail, names: Set<string>): Tensor {
  checkOneSource(input);
  const name = stringMember(input, 'name');
  const datatype = stringMember(input, 'datatype');
  // A size beyond what JavaScript counts exactly is beyond every limit too; Number() keeps it so.
  const shape = arrayMember(input, 'shape').map((size) => Number(unsigned(size, 'shape')));
  if (names.has(name)) throw unfit('invalid_request', `input '${name}' already exists in request`);
  names.add(name);
  const parameters = parametersOf(input);
  if (parameters.has('binary_data_size')) {
    const data = binary.take(name, unsigned(parameters.get('binary_data_size'), 'binary_data_size'));
    return { name, datatype: known(name, datatype), shape, data };
  }
  if (parameters.has('shared_memory_region')) {
    stringMember(parameters, 'shared_memory_region');
    throw unfit('invalid_request', `shared memory is not supported for input '${name}'`);
  }
  const count = countElements(shape);
  if (count === 0) return { name, datatype: known(name, datatype), shape, data: new Uint8Array(0) };
  const span = isObject(input) ? input.get('data') : undefined;
  if (!(span instanceof JsonSpan) || !span.isArray) throw member('data', 'attempt to access JSON non-array as array');
  const type = known(name, datatype);
  return { name, datatype: type, shape, data: elementsFromJson(name, span, type, count) };
}

function known(input: string, datatype: string): Datatype {
  if (isDatatype(datatype)) return datatype;
  throw unfit('tensor_invalid', `invalid datatype for input ${input}`);
}

function readOutput(output: JsonValue): RequestedOutput {
  const name = stringMember(output, 'name');
  const parameters = parametersOf(output);
  const region = parameters.has('shared_memory_region');
  if (region && parameters.has('classification'))
    throw unfit('invalid_request', `output '${name}' can't set both 'shared_memory_region' and 'classification'`);
  const binary = parameters.has('binary_data') ? bool(parameters.get('binary_data'), 'binary_data') : false;
  const classification = parameters.has('classification')
    ? Number(unsigned(parameters.get('classification'), 'classification'))
    : 0;
  if (region) {
    stringMember(parameters, 'shared_memory_region');
    throw unfit('invalid_request', `shared memory is not supported for output '${name}'`);
  }
  return { name, binary, classification };
}
