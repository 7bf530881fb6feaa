import type { TensorSpec } from '#contracts';
import { type ErrorCode, errorCodes, isWatershedError, WatershedError } from '#errors';
import {
  type EncodedMessage,
  encodeInferRequest,
  encodeInferResponse,
  fitRequest,
  type InferRequest,
  type InferResponse,
  type ModelSignature,
  readInferRequest,
  readInferResponse,
  type Tensor,
} from '#inference-protocol';
import { servedDims } from '../../model/engine/compare-metadata.js';
import type { ModelEntry } from '../../model/engine/model-entry.js';
import type { InferenceEnd } from '../../model/engine/model-lifecycle.js';
import { type BinaryBody, isModelServerError, type ModelServerError } from '../../server/model-server.port.js';
import type { ContentIn, ContentOut, InferencePort } from './inference.ports.js';
import { tensorsToLabels, textToTensor } from './text-classification.js';

export interface InferenceEngineOptions {
  readonly server: InferencePort;
  /** Told how every inference ended that reached the model server. */
  readonly ended: (entry: ModelEntry, generation: number, end: InferenceEnd) => void;
  /** Told when the server could not be reached at all. */
  readonly unreachable: () => void;
}

const signatures = new WeakMap<ModelEntry, ModelSignature>();

/** What a request is checked against: the manifest, which the server's own metadata was compared with at the load. */
export function signatureOf(entry: ModelEntry): ModelSignature {
  const known = signatures.get(entry);
  if (known) return known;
  const { manifest } = entry.model;
  const dims = (spec: TensorSpec) => ({ name: spec.name, datatype: spec.datatype, dims: servedDims(spec) });
  const signature = {
    name: manifest.name,
    maxBatchSize: manifest.maxBatchSize,
    inputs: manifest.inputs.map(dims),
    outputs: manifest.outputs.map(dims),
  };
  signatures.set(entry, signature);
  return signature;
}

/**
 * One inference: reads what was sent, checks it against the model, builds the request anew, asks, checks the answer and
 * writes it in the form in which it was asked. What people send never reaches the model server as they sent it.
 */
export class InferenceEngine {
  constructor(private readonly options: InferenceEngineOptions) {}

  async tensors(entry: ModelEntry, content: ContentIn): Promise<ContentOut> {
    const request = typed(() => readInferRequest(content.body, content.headerLength));
    typed(() => fitRequest(request, signatureOf(entry)));
    const classified = request.outputs.find((output) => output.classification > 0);
    if (classified)
      throw new WatershedError('invalid_request', 'Classification of outputs is not offered; ask for the tensor.', {
        details: { tensor: classified.name },
      });
    const names = request.outputs.map((output) => output.name);
    const response = await this.ask(entry, request.inputs, names, content.timeoutMs);
    return contentOf(typed(() => encodeAnswer(entry, request, response)));
  }

  async text(entry: ModelEntry, content: ContentIn): Promise<ContentOut> {
    const { name, version, manifest } = entry.model;
    const { text } = manifest;
    if (!text) throw noText(name);
    const input = typed(() => textToTensor(content.body, text, signatureOf(entry)));
    const response = await this.ask(entry, [input], [text.labelsTensor, text.probabilitiesTensor], content.timeoutMs);
    const { labels } = tensorsToLabels(response.outputs, text);
    const body = Buffer.from(JSON.stringify({ labels, model: name, version }));
    return { kind: 'json', chunks: [body], byteLength: body.byteLength };
  }

  private async ask(
    entry: ModelEntry,
    inputs: readonly Tensor[],
    outputs: readonly string[],
    timeoutMs: number,
  ): Promise<InferResponse> {
    const { server, ended } = this.options;
    if (entry.state !== 'ready') throw notReady(entry);
    const { generation } = entry;
    const message = encodeInferRequest({ inputs, ...(outputs.length > 0 ? { outputs } : {}) });
    let answer: BinaryBody;
    try {
      const request = { headerLength: message.headerLength, body: joined(message) };
      answer = await server.infer(entry.servedName, entry.servedVersion, request, timeoutMs);
    } catch (error) {
      if (!isModelServerError(error)) throw error;
      throw this.failed(entry, generation, error, timeoutMs);
    }
    let response: InferResponse;
    try {
      response = readInferResponse(answer.body, answer.headerLength);
    } catch (cause) {
      ended(entry, generation, 'failed');
      throw new WatershedError('inference_failed', "The model server's answer is not of the protocol.", { cause });
    }
    ended(entry, generation, 'succeeded');
    checkOutputs(response, signatureOf(entry), outputs);
    return response;
  }

  /** The typed error for a failed inference, after its model's health has been told of it. Nothing is tried again here. */
  private failed(entry: ModelEntry, generation: number, error: ModelServerError, timeoutMs: number): WatershedError {
    const { ended, unreachable } = this.options;
    switch (error.failure) {
      case 'crashed':
        ended(entry, generation, 'crashed');
        return new WatershedError('model_crashed', "The model's process died while it worked. It is loaded again.", {
          retryAfterMs: 1_000,
          cause: error,
        });
      case 'unreachable':
        unreachable();
        return new WatershedError('model_server_unavailable', 'The model server went away. It is started again.', {
          retryAfterMs: 1_000,
          cause: error,
        });
      case 'timeout':
        // Slow is not dead: a long request must not take its model from everybody.
        return new WatershedError('deadline_exceeded', `The model did not answer within ${timeoutMs} ms.`, {
          cause: error,
        });
      case 'not_ready':
        unreachable();
        return notReady(entry, error);
      case 'busy':
        return new WatershedError('overloaded', 'The model has as much work as it queues. Try again shortly.', {
          retryAfterMs: 100,
          cause: error,
        });
      case 'refused':
        // Checked against the model and still refused: what is inside the model does not fit it, not what is around it.
        ended(entry, generation, 'succeeded');
        return new WatershedError('inference_failed', 'The model cannot work on this input.', { cause: error });
      case 'failed':
        ended(entry, generation, 'failed');
        return new WatershedError('inference_failed', 'The model failed on this input.', { cause: error });
    }
  }
}

export const noText = (model: string) =>
  new WatershedError('text_invalid', 'This model takes tensors, not text.', { details: { model } });

export const notReady = (entry: ModelEntry, cause?: unknown) =>
  entry.state === 'failed' && entry.failure
    ? WatershedError.fromWire(entry.failure)
    : new WatershedError('model_not_ready', 'The model is not ready here yet.', {
        details: { model: entry.model.name, state: entry.state },
        retryAfterMs: 500,
        cause,
      });

/** One piece where it is one already: small requests, which are most, are copied once and written in one go. */
function joined(message: EncodedMessage): Uint8Array {
  const [only] = message.chunks;
  return message.chunks.length === 1 && only ? only : Buffer.concat(message.chunks, message.byteLength);
}

function checkOutputs(response: InferResponse, model: ModelSignature, wanted: readonly string[]): void {
  const broken = (tensor: string) =>
    new WatershedError('inference_failed', 'The model answered with other tensors than it declares.', {
      details: { tensor },
    });
  for (const output of response.outputs) {
    const declared = model.outputs.find((known) => known.name === output.name);
    if (declared?.datatype !== output.datatype) throw broken(output.name);
  }
  for (const name of wanted) if (!response.outputs.some((output) => output.name === name)) throw broken(name);
}

function encodeAnswer(entry: ModelEntry, request: InferRequest, response: InferResponse): EncodedMessage {
  const order = request.outputs.length > 0 ? request.outputs.map((output) => output.name) : undefined;
  const tensors = order ? order.flatMap((name) => response.outputs.filter((o) => o.name === name)) : response.outputs;
  const outputs = tensors.map((tensor) => {
    const binary = request.outputs.find((output) => output.name === tensor.name)?.binary ?? request.binaryByDefault;
    if (!binary) requireFinite(tensor);
    return { tensor, binary };
  });
  // As the protocol's paths and metadata name them: its clients ask again by what they were answered.
  const head = { modelName: entry.model.name.replace('/', '--'), modelVersion: String(entry.model.serial) };
  return encodeInferResponse({ id: request.id, ...head }, outputs);
}

/** JSON has no NaN and no infinities; a server that writes them all the same writes what clients cannot read. */
function requireFinite({ name, datatype, data }: Tensor): void {
  if (datatype !== 'FP32' && datatype !== 'FP64') return;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const size = datatype === 'FP32' ? 4 : 8;
  for (let at = 0; at < data.byteLength; at += size) {
    const value = size === 4 ? view.getFloat32(at, true) : view.getFloat64(at, true);
    if (!Number.isFinite(value))
      throw new WatershedError(
        'tensor_invalid',
        'An output holds NaN or infinity, which JSON cannot carry. Ask for it in binary (binary_data: true).',
        { details: { tensor: name } },
      );
  }
}

function contentOf({ chunks, byteLength, headerLength }: EncodedMessage): ContentOut {
  return headerLength === undefined
    ? { kind: 'json', chunks, byteLength }
    : { kind: 'binary', chunks, byteLength, headerLength };
}

const isErrorCode = (code: unknown): code is ErrorCode => errorCodes.some((known) => known === code);

/** The codec's refusals as the cluster's. */
function typed<Result>(read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    if (isWatershedError(error) || !(error instanceof Error) || !('code' in error) || !isErrorCode(error.code))
      throw error;
    throw new WatershedError(error.code, error.message, { cause: error });
  }
}
