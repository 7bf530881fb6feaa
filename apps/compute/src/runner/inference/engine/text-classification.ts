import type { ModelManifest } from '#contracts';
import { WatershedError } from '#errors';
import { bytesElements, isObject, type ModelSignature, readJson, type Tensor } from '#inference-protocol';

export interface Classified {
  readonly labels: readonly { readonly label: string; readonly probability: number }[];
}

type TextInterface = NonNullable<ModelManifest['text']>;

const invalid = (message: string) => new WatershedError('text_invalid', message);
const broken = (message: string) => new WatershedError('inference_failed', message);

/** The text of `{"text": "…"}` as the model's input tensor: its UTF-8 bytes. Throws `text_invalid`, `malformed_body`. */
export function textToTensor(body: Uint8Array, text: TextInterface, model: ModelSignature): Tensor {
  const data = readText(body);
  if (data.byteLength === 0) throw invalid('The text is empty.');
  if (data.byteLength > text.maxBytes)
    throw new WatershedError(
      'text_invalid',
      `The text has ${data.byteLength} bytes; the model takes ${text.maxBytes}.`,
      {
        details: { sizeBytes: data.byteLength, maxBytes: text.maxBytes },
      },
    );
  const shape = model.maxBatchSize > 0 ? [1, data.byteLength] : [data.byteLength];
  return { name: text.inputTensor, datatype: 'UINT8', shape, data };
}

function readText(body: Uint8Array): Uint8Array {
  const root = readJson(body);
  const text = isObject(root) ? root.get('text') : undefined;
  if (!isObject(root) || root.size !== 1 || typeof text !== 'string')
    throw new WatershedError('invalid_request', 'The body must be {"text": "…"} and nothing else.');
  // U+FFFD stands where the bytes were no UTF-8: what was sent is not known any more, so it is not guessed at.
  if (text.includes('\ufffd') && !isUtf8(body)) throw invalid('The text is not valid UTF-8.');
  return Buffer.from(text, 'utf8');
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}

/** Labels with their probabilities, the most probable first. Throws `inference_failed` where the outputs do not pair. */
export function tensorsToLabels(outputs: readonly Tensor[], text: TextInterface): Classified {
  const labels = outputs.find((output) => output.name === text.labelsTensor);
  const probabilities = outputs.find((output) => output.name === text.probabilitiesTensor);
  if (labels?.datatype !== 'BYTES' || probabilities?.datatype !== 'FP32')
    throw broken('The model did not answer with labels and probabilities.');
  let names: string[];
  try {
    names = bytesElements(labels).map((element) => Buffer.from(element).toString('utf8'));
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw broken('The model answered with labels that cannot be read.');
  }
  const { data } = probabilities;
  if (data.byteLength !== names.length * 4) throw broken('The model answered with more labels than probabilities.');
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const paired = names.map((label, i) => ({ label, probability: view.getFloat32(i * 4, true) }));
  if (paired.some(({ probability }) => !Number.isFinite(probability)))
    throw broken('The model answered with a probability that is no number.');
  return { labels: paired.sort((a, b) => b.probability - a.probability) };
}
