import type { Datatype, ModelSignature, TensorSignature } from '#inference-protocol';
import { ConfigError, type ConfigMessage, type ConfigValue, emptyMessage } from './config-message.js';

/** A tensor of a model as ONNX Runtime reports it; -1 in `shape` is a free dimension. */
export interface ModelTensor {
  readonly name: string;
  /** Undefined where the protocol has no such type. */
  readonly datatype: Datatype | undefined;
  readonly shape: readonly number[];
}

export interface ModelInterface {
  readonly inputs: readonly ModelTensor[];
  readonly outputs: readonly ModelTensor[];
}

export interface ConfiguredTensor extends TensorSignature {
  /** The shape that the model itself takes or gives, where it differs from `dims`. */
  readonly reshape?: readonly number[];
  readonly labelFilename: string;
}

export type VersionPolicy =
  | { readonly kind: 'all' }
  | { readonly kind: 'latest'; readonly count: number }
  | { readonly kind: 'specific'; readonly versions: readonly number[] };

/** What the server acts upon; `message` is the whole configuration, as `GET …/config` shows it. */
export interface ModelConfig extends ModelSignature {
  readonly message: ConfigMessage;
  readonly inputs: readonly ConfiguredTensor[];
  readonly outputs: readonly ConfiguredTensor[];
  readonly versionPolicy: VersionPolicy;
  readonly filename: string;
  readonly backend: string;
  readonly platform: string;
  readonly threads: number | undefined;
}

const BACKEND = 'onnxruntime';
const PLATFORM = 'onnxruntime_onnx';

const isMessage = (value: ConfigValue | undefined): value is ConfigMessage =>
  typeof value === 'object' && !Array.isArray(value);
const messageIn = (value: ConfigValue | undefined): ConfigMessage | undefined => (isMessage(value) ? value : undefined);
const listIn = (value: ConfigValue | undefined): ConfigValue[] => (Array.isArray(value) ? value : []);
const messagesIn = (value: ConfigValue | undefined): ConfigMessage[] => listIn(value).filter(isMessage);
const textIn = (value: ConfigValue | undefined): string => (typeof value === 'string' ? value : '');
const numberIn = (value: ConfigValue | undefined): number => (typeof value === 'number' ? value : 0);
const numbersIn = (value: ConfigValue | undefined): number[] => listIn(value).map(numberIn);

const configured = (fields: Record<string, ConfigValue>): ConfigMessage => Object.assign(emptyMessage(), fields);

const datatypeOf = (type: string): Datatype | undefined =>
  type === 'TYPE_STRING'
    ? 'BYTES'
    : type === 'TYPE_BF16' || type === 'TYPE_INVALID'
      ? undefined
      : (type.slice(5) as Datatype);
const typeOf = (datatype: Datatype): string => (datatype === 'BYTES' ? 'TYPE_STRING' : `TYPE_${datatype}`);

/**
 * Fills in what Triton fills in before it opens a model (name, platform, version policy, instance group) and checks what it
 * checks then. `name` is that of the folder or of the load request. Throws `ConfigError`.
 */
export function normalizeConfig(given: ConfigMessage, name: string): ConfigMessage {
  const message = Object.assign(emptyMessage(), given);
  if (textIn(message.name) === '') message.name = name;
  if (message.name !== name)
    throw new ConfigError(
      `unexpected directory name '${name}' for model '${textIn(message.name)}', directory name must equal model name`,
    );
  if (textIn(message.backend) === '' && (textIn(message.platform) === '' || message.platform === PLATFORM))
    message.backend = BACKEND;
  if (message.backend === BACKEND && textIn(message.platform) === '') message.platform = PLATFORM;
  if (message.backend === BACKEND && message.platform !== PLATFORM) {
    throw new ConfigError(`unexpected 'platform' and 'backend' pair, got:${textIn(message.platform)}, ${BACKEND}`);
  }
  if (textIn(message.default_model_filename) === '') message.default_model_filename = 'model.onnx';
  if (!/^[^/\\\0]+$/.test(textIn(message.default_model_filename)))
    throw new ConfigError('default_model_filename must be the name of a file');
  if (numberIn(message.max_batch_size) < 0)
    throw new ConfigError(`'max_batch_size' must be non-negative value for ${name}`);
  if (!messageIn(message.version_policy) || Object.keys(messageIn(message.version_policy) ?? {}).length === 0) {
    message.version_policy = configured({ latest: configured({ num_versions: 1 }) });
  }
  message.optimization = withDefaultOptimization(messageIn(message.optimization));
  message.instance_group = instanceGroups(messagesIn(message.instance_group), name);
  const batching = messageIn(message.dynamic_batching);
  if (batching) message.dynamic_batching = withPreferredSize(batching, numberIn(message.max_batch_size), name);
  for (const field of ['input', 'output'] as const) checkTensors(messagesIn(message[field]), field, name);
  return message;
}

function withDefaultOptimization(optimization: ConfigMessage | undefined): ConfigMessage {
  const pinned = () => configured({ enable: true });
  return Object.assign(emptyMessage(), { input_pinned_memory: pinned(), output_pinned_memory: pinned() }, optimization);
}

function instanceGroups(groups: readonly ConfigMessage[], name: string): ConfigMessage[] {
  if (groups.length === 0) return [configured({ name, kind: 'KIND_CPU', count: 1 })];
  return groups.map((group, index) => {
    if (group.kind === 'KIND_GPU' || listIn(group.gpus).length > 0) {
      throw new ConfigError(`instance group ${index} of model ${name} asks for a GPU, and this server has none`);
    }
    const count = numberIn(group.count);
    if (count < 0) throw new ConfigError(`instance group ${index} of model ${name} has a negative count`);
    const kind = group.kind === 'KIND_MODEL' ? 'KIND_MODEL' : 'KIND_CPU';
    return configured({
      ...(group as Record<string, ConfigValue>),
      name: textIn(group.name) || `${name}_${index}`,
      kind,
      count: count || 1,
    });
  });
}

function withPreferredSize(batching: ConfigMessage, maxBatchSize: number, name: string): ConfigMessage {
  const preferred = numbersIn(batching.preferred_batch_size);
  if (preferred.some((size) => size <= 0 || size > maxBatchSize)) {
    throw new ConfigError(`dynamic batching preferred size must be positive and <= max batch size for ${name}`);
  }
  const sizes = preferred.length > 0 || maxBatchSize === 0 ? preferred : [maxBatchSize];
  return Object.assign(emptyMessage(), batching, { preferred_batch_size: sizes });
}

function checkTensors(tensors: readonly ConfigMessage[], field: string, name: string): void {
  const seen = new Set<string>();
  for (const tensor of tensors) {
    const tensorName = textIn(tensor.name);
    if (tensorName === '') throw new ConfigError(`model ${field} must specify 'name' in ${name}`);
    if (seen.has(tensorName)) throw new ConfigError(`model ${field} '${tensorName}' is given twice in ${name}`);
    seen.add(tensorName);
    if (textIn(tensor.data_type) === '' || tensor.data_type === 'TYPE_INVALID')
      throw new ConfigError(`model ${field} must specify 'data_type' in ${name}`);
    const dims = numbersIn(tensor.dims);
    if (dims.length === 0) throw new ConfigError(`model ${field} must specify 'dims' in ${name}`);
    const reshape = messageIn(tensor.reshape);
    for (const size of [...dims, ...(reshape ? numbersIn(reshape.shape) : [])]) {
      if (size < 1 && size !== -1)
        throw new ConfigError(
          `model ${field} dimension must be integer >= 1, or -1 to indicate a variable-size dimension in ${name}`,
        );
    }
    if (reshape) checkReshape(dims, numbersIn(reshape.shape), tensorName);
  }
}

function checkReshape(dims: readonly number[], shape: readonly number[], tensor: string): void {
  const free = (list: readonly number[]) => list.filter((size) => size === -1).length;
  const fixed = (list: readonly number[]) =>
    list.reduce((product, size) => (size === -1 ? product : product * size), 1);
  if (free(dims) !== free(shape) || fixed(dims) !== fixed(shape)) {
    throw new ConfigError(`'${tensor}' has a reshape whose size differs from its dims`);
  }
}

export function versionPolicyOf(message: ConfigMessage): VersionPolicy {
  const policy = messageIn(message.version_policy);
  const specific = messageIn(policy?.specific);
  if (specific) return { kind: 'specific', versions: numbersIn(specific.versions) };
  if (messageIn(policy?.all)) return { kind: 'all' };
  return { kind: 'latest', count: Math.max(1, numberIn(messageIn(policy?.latest)?.num_versions)) };
}

/** The versions among `available` (ascending) that the policy serves. */
export function chooseVersions(policy: VersionPolicy, available: readonly number[]): number[] {
  if (policy.kind === 'all') return [...available];
  if (policy.kind === 'latest') return available.slice(-policy.count);
  return available.filter((version) => policy.versions.includes(version));
}

/** The batch size that a model gets whose configuration names no tensors and whose first dimensions are all free. */
const DEFAULT_MAX_BATCH_SIZE = 4;

/**
 * Completes a normalised configuration from the opened model, as Triton's ONNX Runtime backend does when inputs or outputs
 * are not given.
 */
export function completeConfig(given: ConfigMessage, model: ModelInterface): ConfigMessage {
  const message = Object.assign(emptyMessage(), given);
  const complete = messagesIn(message.input).length > 0 && messagesIn(message.output).length > 0;
  if (complete) return message;
  const canBatch = [...model.inputs, ...model.outputs].every((tensor) => tensor.shape[0] === -1);
  if (canBatch && numberIn(message.max_batch_size) === 0) {
    message.max_batch_size = DEFAULT_MAX_BATCH_SIZE;
    if (!messageIn(message.dynamic_batching) && !messageIn(message.sequence_batching)) {
      message.dynamic_batching = configured({ preferred_batch_size: [DEFAULT_MAX_BATCH_SIZE] });
    }
  }
  const skip = numberIn(message.max_batch_size) > 0 ? 1 : 0;
  const tensorOf = ({ name, datatype, shape }: ModelTensor): ConfigMessage => {
    const own = shape.slice(skip);
    const fields = { name, data_type: datatype ? typeOf(datatype) : 'TYPE_INVALID' };
    return own.length > 0
      ? configured({ ...fields, dims: own })
      : configured({ ...fields, dims: [1], reshape: configured({ shape: [] }) });
  };
  if (messagesIn(message.input).length === 0) message.input = model.inputs.map(tensorOf);
  if (messagesIn(message.output).length === 0) message.output = model.outputs.map(tensorOf);
  return message;
}

/** The complete configuration as the server uses it, checked against the opened model. Throws `ConfigError`. */
export function bindConfig(message: ConfigMessage, model: ModelInterface): ModelConfig {
  const name = textIn(message.name);
  const maxBatchSize = numberIn(message.max_batch_size);
  const inputs = messagesIn(message.input).map((tensor) => bindTensor(tensor, name));
  const outputs = messagesIn(message.output).map((tensor) => bindTensor(tensor, name));
  checkAgainst('input', inputs, model.inputs, maxBatchSize, name);
  checkAgainst('output', outputs, model.outputs, maxBatchSize, name);
  const missing = model.inputs.find((tensor) => !inputs.some((input) => input.name === tensor.name));
  if (missing)
    throw new ConfigError(`unable to load model '${name}', configuration does not name its input '${missing.name}'`);
  const parameter = messageIn(messageIn(message.parameters)?.intra_op_thread_count);
  const threads = Number(textIn(parameter?.string_value));
  return {
    message,
    name,
    maxBatchSize,
    inputs,
    outputs,
    versionPolicy: versionPolicyOf(message),
    filename: textIn(message.default_model_filename),
    backend: textIn(message.backend),
    platform: textIn(message.platform),
    threads: Number.isInteger(threads) && threads > 0 ? threads : undefined,
  };
}

function bindTensor(tensor: ConfigMessage, model: string): ConfiguredTensor {
  const datatype = datatypeOf(textIn(tensor.data_type));
  const name = textIn(tensor.name);
  if (!datatype) throw new ConfigError(`the datatype of '${name}' of model '${model}' is not supported`);
  const reshape = messageIn(tensor.reshape);
  return {
    name,
    datatype,
    dims: numbersIn(tensor.dims),
    optional: tensor.optional === true,
    labelFilename: textIn(tensor.label_filename),
    ...(reshape && { reshape: numbersIn(reshape.shape) }),
  };
}

function checkAgainst(
  kind: string,
  configuredTensors: readonly ConfiguredTensor[],
  tensors: readonly ModelTensor[],
  maxBatchSize: number,
  name: string,
): void {
  for (const tensor of configuredTensors) {
    const own = tensors.find((candidate) => candidate.name === tensor.name);
    const allowed = tensors.map((candidate) => candidate.name).join(', ');
    if (!own)
      throw new ConfigError(
        `unexpected inference ${kind} '${tensor.name}' for model '${name}', allowed ${kind}s are: ${allowed}`,
      );
    if (own.datatype !== tensor.datatype) {
      throw new ConfigError(
        `unable to load model '${name}', configuration expects datatype ${typeOf(tensor.datatype)} for ${kind} '${tensor.name}', model provides ${own.datatype ? typeOf(own.datatype) : 'another'}`,
      );
    }
    // A model may leave an output's shape open altogether; ONNX Runtime then reports none.
    if (own.shape.length === 0 && (kind === 'output' || tensor.reshape === undefined)) continue;
    const wanted = [...(maxBatchSize > 0 ? [-1] : []), ...(tensor.reshape ?? tensor.dims)];
    const fits =
      own.shape.length === wanted.length &&
      wanted.every((size, i) => size === -1 || own.shape[i] === -1 || own.shape[i] === size);
    if (!fits) {
      throw new ConfigError(
        `model '${name}', tensor '${tensor.name}': the model expects shape [${own.shape.join(',')}] but the model configuration specifies [${wanted.join(',')}]`,
      );
    }
  }
}
