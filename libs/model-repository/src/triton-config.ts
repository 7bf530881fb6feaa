import type { ModelManifest, TensorDatatype, TensorSpec } from '#contracts';
import { repositoryName } from './repository-name.js';

/** What a configuration needs of a manifest. */
export type ConfiguredModel = Pick<ModelManifest, 'name' | 'maxBatchSize' | 'inputs' | 'outputs'>;

const tritonTypes: Record<TensorDatatype, string> = {
  BOOL: 'TYPE_BOOL',
  UINT8: 'TYPE_UINT8',
  UINT16: 'TYPE_UINT16',
  UINT32: 'TYPE_UINT32',
  UINT64: 'TYPE_UINT64',
  INT8: 'TYPE_INT8',
  INT16: 'TYPE_INT16',
  INT32: 'TYPE_INT32',
  INT64: 'TYPE_INT64',
  FP16: 'TYPE_FP16',
  FP32: 'TYPE_FP32',
  FP64: 'TYPE_FP64',
  BYTES: 'TYPE_STRING',
};

/** File name of a version's model file in Triton's layout, `<repositoryName>/<serial>/model.onnx`. */
export const modelFileName = 'model.onnx';

/**
 * The text of config.pbtxt for a model. It is made of the manifest alone and never taken from a blob: a configuration
 * can name files and libraries to load. Every version that lies in the model's folder is served.
 */
export function tritonConfigOf(model: ConfiguredModel): string {
  return [
    `name: ${quoted(repositoryName(model.name))}`,
    'backend: "onnxruntime"',
    `default_model_filename: ${quoted(modelFileName)}`,
    `max_batch_size: ${model.maxBatchSize}`,
    ...tensors('input', model.inputs),
    ...tensors('output', model.outputs),
    'version_policy: { all {} }',
    '',
  ].join('\n');
}

/** The same as JSON, for the `config` parameter of a load request. */
export function tritonConfigJsonOf(model: ConfiguredModel): string {
  const tensor = (spec: TensorSpec) => {
    const scalar = isScalar(spec);
    return {
      name: spec.name,
      data_type: tritonTypes[spec.datatype],
      dims: scalar ? [1] : spec.shape,
      ...(scalar ? { reshape: { shape: [] } } : {}),
    };
  };
  return JSON.stringify({
    name: repositoryName(model.name),
    backend: 'onnxruntime',
    default_model_filename: modelFileName,
    max_batch_size: model.maxBatchSize,
    input: model.inputs.map(tensor),
    output: model.outputs.map(tensor),
    version_policy: { all: {} },
  });
}

function tensors(member: string, specs: readonly TensorSpec[]): string[] {
  const lines = specs.map((spec) => {
    const scalar = isScalar(spec);
    const dims = scalar ? '1' : spec.shape.join(', ');
    const reshape = scalar ? ' reshape: { shape: [ ] }' : '';
    return `  { name: ${quoted(spec.name)} data_type: ${tritonTypes[spec.datatype]} dims: [ ${dims} ]${reshape} }`;
  });
  return [`${member} [`, lines.join(',\n'), ']'];
}

/** Triton takes no empty `dims`: a scalar is written as one element, reshaped to none. */
function isScalar(spec: TensorSpec): boolean {
  return spec.shape.length === 0;
}

/** A string of protobuf's text format. Bytes beyond ASCII are written as octal escapes, so that none can end it. */
function quoted(text: string): string {
  let result = '"';
  for (const byte of Buffer.from(text, 'utf8')) {
    const plain = byte >= 0x20 && byte < 0x7f && byte !== 0x22 && byte !== 0x5c;
    result += plain ? String.fromCharCode(byte) : `\\${byte.toString(8).padStart(3, '0')}`;
  }
  return `${result}"`;
}
