import fc from 'fast-check';
import { isWatershedError } from '#errors';
import { type ConfiguredModel, modelNameOf, repositoryName, tritonConfigJsonOf, tritonConfigOf } from './index.js';

const model: ConfiguredModel = {
  name: 'watershed/language-id',
  maxBatchSize: 8,
  inputs: [{ name: 'BYTES', datatype: 'UINT8', shape: [-1] }],
  outputs: [
    { name: 'LABELS', datatype: 'BYTES', shape: [14] },
    { name: 'SCORE', datatype: 'FP32', shape: [] },
  ],
};

describe('repository names', () => {
  const part = fc.stringMatching(/^[a-z0-9]{1,5}([-._][a-z0-9]{1,5}){0,2}$/);
  it('go there and back', () => {
    fc.assert(fc.property(part, part, (a, b) => expect(modelNameOf(repositoryName(`${a}/${b}`))).toBe(`${a}/${b}`)));
  });
  it.each(['a', 'a--b--c', '--', 'a--', '--b', 'A--b', 'a/b', '../x--y'])('%s is none', (name) => {
    let error: unknown;
    try {
      modelNameOf(name);
    } catch (caught) {
      error = caught;
    }
    expect(isWatershedError(error, 'model_unknown')).toBe(true);
  });
  it.each(['a--b/c', 'a/b--c', 'a', 'a/b/c', 'A/b'])('%s becomes none', (name) => {
    expect(() => repositoryName(name)).toThrow();
  });
});

describe('config.pbtxt', () => {
  it('is made of the manifest', () => {
    expect(tritonConfigOf(model)).toBe(
      [
        'name: "watershed--language-id"',
        'backend: "onnxruntime"',
        'default_model_filename: "model.onnx"',
        'max_batch_size: 8',
        'input [',
        '  { name: "BYTES" data_type: TYPE_UINT8 dims: [ -1 ] }',
        ']',
        'output [',
        '  { name: "LABELS" data_type: TYPE_STRING dims: [ 14 ] },',
        '  { name: "SCORE" data_type: TYPE_FP32 dims: [ 1 ] reshape: { shape: [ ] } }',
        ']',
        'version_policy: { all {} }',
        '',
      ].join('\n'),
    );
  });

  it('cannot be broken out of by a tensor’s name', () => {
    const name = 'x" dims: [ 1 ] }\n] backend: "python\\';
    const text = tritonConfigOf({ ...model, inputs: [{ name, datatype: 'FP32', shape: [1] }] });
    expect(text.match(/backend: "/g)).toHaveLength(1);
    expect(text).toContain('name: "x\\042 dims: [ 1 ] }\\012] backend: \\042python\\134"');
  });

  it('says the same as JSON', () => {
    expect(JSON.parse(tritonConfigJsonOf(model))).toEqual({
      name: 'watershed--language-id',
      backend: 'onnxruntime',
      default_model_filename: 'model.onnx',
      max_batch_size: 8,
      input: [{ name: 'BYTES', data_type: 'TYPE_UINT8', dims: [-1] }],
      output: [
        { name: 'LABELS', data_type: 'TYPE_STRING', dims: [14] },
        { name: 'SCORE', data_type: 'TYPE_FP32', dims: [1], reshape: { shape: [] } },
      ],
      version_policy: { all: {} },
    });
  });
});
