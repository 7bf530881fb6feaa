import { countElements, elementBytes, isDatatype, type Tensor } from './datatypes.js';
import { dataKey } from './infer-request.js';
import { isObject, JsonSpan, type JsonValue, readJson } from './json-value.js';
import { unreadable } from './protocol-error.js';
import { elementsFromJson, elementsToJson } from './tensor-json.js';

/** A message in pieces that are written one after the other; `headerLength` is set when binary tensors follow the JSON. */
export interface EncodedMessage {
  readonly chunks: readonly Uint8Array[];
  readonly byteLength: number;
  readonly headerLength: number | undefined;
}

export interface InferResponse {
  readonly id: string;
  readonly modelName: string;
  readonly modelVersion: string;
  readonly outputs: readonly Tensor[];
}

export interface ResponseOutput {
  readonly tensor: Tensor;
  readonly binary: boolean;
}

const sizeOf = (chunks: readonly Uint8Array[]): number => chunks.reduce((size, chunk) => size + chunk.byteLength, 0);

/** Collects JSON text; long runs become bytes early, so that a large tensor is never one JavaScript string. */
class JsonPieces {
  private readonly done: Uint8Array[] = [];
  private text = '';

  add(text: string): void {
    this.text += text;
    if (this.text.length > 65_536) this.flush();
  }

  private flush(): void {
    if (this.text !== '') this.done.push(Buffer.from(this.text, 'utf8'));
    this.text = '';
  }

  finish(): Uint8Array[] {
    this.flush();
    return this.done;
  }
}

/** Writes a response; outputs marked `binary` follow the JSON in their order. */
export function encodeInferResponse(
  response: Omit<InferResponse, 'outputs'>,
  outputs: readonly ResponseOutput[],
): EncodedMessage {
  const json = new JsonPieces();
  const id = response.id === '' ? '' : `"id":${JSON.stringify(response.id)},`;
  json.add(
    `{${id}"model_name":${JSON.stringify(response.modelName)},"model_version":${JSON.stringify(response.modelVersion)},"outputs":[`,
  );
  const binaries: Uint8Array[] = [];
  outputs.forEach(({ tensor, binary }, index) => {
    json.add(
      `${index === 0 ? '' : ','}{"name":${JSON.stringify(tensor.name)},"datatype":"${tensor.datatype}","shape":[${tensor.shape.join(',')}]`,
    );
    if (binary) {
      json.add(`,"parameters":{"binary_data_size":${tensor.data.byteLength}}}`);
      if (tensor.data.byteLength > 0) binaries.push(tensor.data);
      return;
    }
    json.add(',"data":[');
    for (const piece of elementsToJson(tensor)) json.add(piece);
    json.add(']}');
  });
  json.add(']}');
  const head = json.finish();
  const chunks = [...head, ...binaries];
  return { chunks, byteLength: sizeOf(chunks), headerLength: binaries.length > 0 ? sizeOf(head) : undefined };
}

/** Builds a request anew from checked tensors, all binary, asking for binary outputs: what a client of ours sends. */
export function encodeInferRequest(request: {
  id?: string;
  inputs: readonly Tensor[];
  outputs?: readonly string[];
}): EncodedMessage & { headerLength: number } {
  const inputs = request.inputs.map(({ name, datatype, shape, data }) => ({
    name,
    shape,
    datatype,
    parameters: { binary_data_size: data.byteLength },
  }));
  const outputs = request.outputs?.map((name) => ({ name, parameters: { binary_data: true } }));
  const header = Buffer.from(
    JSON.stringify({
      ...(request.id && { id: request.id }),
      inputs,
      ...(outputs && { outputs }),
      parameters: { binary_data_output: true },
    }),
  );
  const chunks = [header, ...request.inputs.filter((input) => input.data.byteLength > 0).map((input) => input.data)];
  return { chunks, byteLength: sizeOf(chunks), headerLength: header.byteLength };
}

const bad = (what: string) =>
  unreadable('invalid_request', `the model server's answer is not of the protocol: ${what}`);

/** Reads a response, JSON or with binary tensors behind the first `headerLength` bytes; throws where it is not one. */
export function readInferResponse(body: Uint8Array, headerLength = body.byteLength): InferResponse {
  const root = readJson(body.subarray(0, headerLength), { spanKeys: dataKey });
  const text = (name: string): string => {
    const value = isObject(root) ? root.get(name) : undefined;
    return typeof value === 'string' ? value : '';
  };
  const listed = isObject(root) ? root.get('outputs') : undefined;
  if (!Array.isArray(listed)) throw bad('no outputs');
  let at = headerLength;
  const outputs = listed.map((output) => {
    const { tensor, size } = readResponseOutput(output, body, at);
    at += size;
    return tensor;
  });
  if (at !== body.byteLength) throw bad('bytes behind the last output');
  return { id: text('id'), modelName: text('model_name'), modelVersion: text('model_version'), outputs };
}

function readResponseOutput(output: JsonValue, body: Uint8Array, at: number): { tensor: Tensor; size: number } {
  if (!isObject(output)) throw bad('an output is no object');
  const name = output.get('name');
  const datatype = output.get('datatype');
  const listed = output.get('shape');
  if (typeof name !== 'string' || typeof datatype !== 'string' || !isDatatype(datatype) || !Array.isArray(listed)) {
    throw bad('an output without name, datatype or shape');
  }
  const shape = listed.map(Number);
  const count = countElements(shape);
  if (!Number.isSafeInteger(count) || count < 0) throw bad(`the shape of '${name}'`);
  const parameters = output.get('parameters');
  const size = isObject(parameters) ? parameters.get('binary_data_size') : undefined;
  if (size !== undefined) {
    if (typeof size !== 'number' || size < 0 || at + size > body.byteLength) throw bad(`the size of '${name}'`);
    if (datatype !== 'BYTES' && size !== count * elementBytes[datatype]) throw bad(`the size of '${name}'`);
    return { tensor: { name, datatype, shape, data: body.subarray(at, at + size) }, size };
  }
  const span = output.get('data');
  if (!(span instanceof JsonSpan) || !span.isArray) throw bad(`'${name}' without data`);
  return { tensor: { name, datatype, shape, data: elementsFromJson(name, span, datatype, count) }, size: 0 };
}
