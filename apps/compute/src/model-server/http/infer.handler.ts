import { isUtf8 } from 'node:buffer';
import {
  countElements,
  eachBytesElement,
  encodeInferResponse,
  fitRequest,
  type InferRequest,
  type ResponseOutput,
  rawRequest,
  readInferRequest,
  unfit,
} from '#inference-protocol';
import type { ModelVersion } from '../repository/model-version.js';
import { StatusError } from '../status-error.js';
import { classify } from './classification.js';
import type { Exchange } from './exchange.js';

/** `POST …/infer`: reads the request, fits it to the model, runs it, and writes the answer as it was asked for. */
export async function infer(exchange: Exchange, model: () => ModelVersion): Promise<void> {
  const body = await exchange.decodedBody();
  const version = model();
  const headerLength = jsonLength(exchange.header('inference-header-content-length'), body.byteLength);
  const request = headerLength === 0 ? rawRequest(body, version.config) : readInferRequest(body, headerLength);
  const batch = checkRequest(request, version);
  const { outputs } = await version.infer(request, batch, exchange.signal);
  const wanted = outputs.map((tensor): ResponseOutput => {
    const output = request.outputs.find((own) => own.name === tensor.name);
    const binary = output?.binary ?? request.binaryByDefault;
    if (!output?.classification) return { tensor, binary };
    const labels = version.labels.get(tensor.name);
    return { tensor: classify(tensor, output.classification, version.config.maxBatchSize > 0, labels), binary };
  });
  const head = { id: request.id, modelName: version.name, modelVersion: String(version.version) };
  const { chunks, headerLength: jsonBytes } = encodeInferResponse(head, wanted);
  if (jsonBytes === undefined) return exchange.sendCompressed({ 'content-type': 'application/json' }, chunks);
  const headers = { 'content-type': 'application/octet-stream', 'inference-header-content-length': jsonBytes };
  return exchange.sendCompressed(headers, chunks);
}

/** What of the body is JSON: all of it without the header; a header that is no number counts as 0, as Triton reads it. */
function jsonLength(header: string | undefined, size: number): number {
  if (header === undefined) return size;
  const number = Number.parseInt(header, 10);
  const length = Number.isNaN(number) ? 0 : number;
  if (length < 0 || length > size) {
    throw new StatusError(400, `inference header size should be in range (0, ${size}), got: ${header.slice(0, 40)}`);
  }
  return length;
}

/** Fits a request to the model; its batch size. */
export function checkRequest(request: InferRequest, version: ModelVersion): number {
  const batch = fitRequest(request, version.config);
  for (const input of request.inputs) {
    if (input.datatype !== 'BYTES') continue;
    const { data, name, shape } = input;
    if (countElements(shape) > MAX_TEXTS)
      throw unfit('tensor_invalid', `'${name}' has more than ${MAX_TEXTS} elements`);
    eachBytesElement(input, (start, end) => checkText(name, data.subarray(start, end)));
  }
  return batch;
}

/** A text takes many times the memory of its bytes in what runs models. */
const MAX_TEXTS = 4_194_304;

/** ONNX Runtime's binding for Node takes text, and cuts it at a zero byte: what it would change is refused. */
function checkText(input: string, element: Uint8Array): void {
  if (element.byteLength === 0 || (isUtf8(element) && !element.includes(0))) return;
  throw unfit(
    'tensor_invalid',
    `an element of '${input}' is not UTF-8 text without zero bytes, which is all that this server's runtime takes`,
  );
}
