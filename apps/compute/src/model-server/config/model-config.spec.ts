import { ConfigError } from './config-message.js';
import {
  bindConfig,
  chooseVersions,
  completeConfig,
  type ModelInterface,
  normalizeConfig,
  versionPolicyOf,
} from './model-config.js';
import { parsePbtxt } from './pbtxt-parser.js';

const normal = (text: string, name = 'm') => normalizeConfig(parsePbtxt(text), name);
const batching: ModelInterface = {
  inputs: [{ name: 'X', datatype: 'FP32', shape: [-1, 4] }],
  outputs: [{ name: 'Y', datatype: 'INT64', shape: [-1] }],
};
const fixed: ModelInterface = {
  inputs: [{ name: 'X', datatype: 'FP32', shape: [2, 4] }],
  outputs: [{ name: 'Y', datatype: 'BYTES', shape: [] }],
};

describe('normalizeConfig', () => {
  it('fills in what Triton fills in', () => {
    expect(JSON.parse(JSON.stringify(normal('')))).toEqual({
      name: 'm',
      backend: 'onnxruntime',
      platform: 'onnxruntime_onnx',
      default_model_filename: 'model.onnx',
      version_policy: { latest: { num_versions: 1 } },
      optimization: { input_pinned_memory: { enable: true }, output_pinned_memory: { enable: true } },
      instance_group: [{ name: 'm', kind: 'KIND_CPU', count: 1 }],
    });
  });

  it.each([
    ['another name', 'name: "other"'],
    ['a negative batch', 'max_batch_size: -1'],
    ['a GPU', 'instance_group { kind: KIND_GPU }'],
    ['a tensor without a name', 'input { data_type: TYPE_FP32 dims: 1 }'],
    ['a tensor without a type', 'input { name: "X" dims: 1 }'],
    ['a tensor without dims', 'input { name: "X" data_type: TYPE_FP32 }'],
    ['a dimension of none', 'input { name: "X" data_type: TYPE_FP32 dims: 0 }'],
    ['a reshape of another size', 'input { name: "X" data_type: TYPE_FP32 dims: 4 reshape { shape: [3] } }'],
    ['a path for a file', 'default_model_filename: "../../etc/passwd"'],
    ['a preferred batch beyond the greatest', 'max_batch_size: 2 dynamic_batching { preferred_batch_size: 4 }'],
    ['a platform of another backend', 'backend: "onnxruntime" platform: "tensorrt_plan"'],
  ])('refuses %s', (_, text) => {
    expect(() => normal(text)).toThrow(ConfigError);
  });
});

describe('completeConfig', () => {
  it('takes tensors and batching from the model', () => {
    const config = bindConfig(completeConfig(normal(''), batching), batching);
    expect(config).toMatchObject({
      maxBatchSize: 4,
      inputs: [{ name: 'X', dims: [4] }],
      outputs: [{ name: 'Y', dims: [1], reshape: [] }],
    });
    expect(completeConfig(normal(''), batching).dynamic_batching).toEqual({ preferred_batch_size: [4] });
  });

  it('does not batch what has a fixed first dimension', () => {
    expect(bindConfig(completeConfig(normal(''), fixed), fixed)).toMatchObject({
      maxBatchSize: 0,
      inputs: [{ dims: [2, 4] }],
    });
  });

  it('leaves a complete configuration alone', () => {
    const given = normal(
      'input { name: "X" data_type: TYPE_FP32 dims: [-1, 4] } output { name: "Y" data_type: TYPE_INT64 dims: [-1] }',
    );
    expect(completeConfig(given, batching)).toEqual(given);
  });
});

describe('bindConfig', () => {
  const output = 'output { name: "Y" data_type: TYPE_INT64 dims: [1] reshape { shape: [] } }';
  it.each([
    ['another input', `max_batch_size: 8 input { name: "Z" data_type: TYPE_FP32 dims: 4 } ${output}`],
    ['another type', `max_batch_size: 8 input { name: "X" data_type: TYPE_FP64 dims: 4 } ${output}`],
    ['another shape', `max_batch_size: 8 input { name: "X" data_type: TYPE_FP32 dims: 5 } ${output}`],
    ['another rank', `input { name: "X" data_type: TYPE_FP32 dims: 4 } ${output}`],
  ])('refuses %s than the model has', (_, text) => {
    expect(() => bindConfig(normal(text), batching)).toThrow(ConfigError);
  });
});

describe('chooseVersions', () => {
  const choose = (policy: string) =>
    chooseVersions(versionPolicyOf(normal(`version_policy { ${policy} }`)), [1, 2, 10]);
  it('follows the policy', () => {
    expect(choose('all {}')).toEqual([1, 2, 10]);
    expect(choose('latest { num_versions: 2 }')).toEqual([2, 10]);
    expect(choose('latest {}')).toEqual([10]);
    expect(choose('specific { versions: [1, 7] }')).toEqual([1]);
  });
});
