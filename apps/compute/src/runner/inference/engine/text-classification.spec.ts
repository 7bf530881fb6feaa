import { packText, type Tensor } from '#inference-protocol';
import { tensorsToLabels, textToTensor } from './text-classification.js';

const text = {
  kind: 'text-classification' as const,
  inputTensor: 'TEXT',
  maxBytes: 16,
  labelsTensor: 'LABELS',
  probabilitiesTensor: 'P',
};
const model = { name: 'org/m', maxBatchSize: 0, inputs: [], outputs: [] };
const take = (body: string | Uint8Array) => textToTensor(Buffer.from(body), text, model);
const floats = (values: number[]) => new Uint8Array(new Float32Array(values).buffer);
const outputs = (labels: string[], values: number[]): Tensor[] => [
  { name: 'LABELS', datatype: 'BYTES', shape: [labels.length], data: packText(labels) },
  { name: 'P', datatype: 'FP32', shape: [values.length], data: floats(values) },
];

describe('text in', () => {
  it('is its UTF-8 bytes', () => {
    expect(take('{"text":"né"}')).toEqual({
      name: 'TEXT',
      datatype: 'UINT8',
      shape: [3],
      data: Buffer.from([0x6e, 0xc3, 0xa9]),
    });
    expect(textToTensor(Buffer.from('{"text":"a"}'), text, { ...model, maxBatchSize: 4 }).shape).toEqual([1, 1]);
  });

  it('counts bytes, not characters', () => {
    expect(take(`{"text":"${'a'.repeat(16)}"}`).data).toHaveLength(16);
    expect(() => take(`{"text":"${'é'.repeat(9)}"}`)).toThrow(expect.objectContaining({ code: 'text_invalid' }));
  });

  it.each([
    ['an empty text', '{"text":""}', 'text_invalid'],
    ['half a surrogate pair', '{"text":"\\ud800"}', 'malformed_body'],
    [
      'bytes that are not UTF-8',
      Buffer.from([...Buffer.from('{"text":"'), 0xff, ...Buffer.from('"}')]),
      'text_invalid',
    ],
    ['no text', '{}', 'invalid_request'],
    ['a number', '{"text":1}', 'invalid_request'],
    ['something beside the text', '{"text":"a","model":"b"}', 'invalid_request'],
    ['a list', '["a"]', 'invalid_request'],
    ['no JSON', 'text', 'malformed_body'],
  ])('refuses %s', (_, body, code) => {
    expect(() => take(body)).toThrow(expect.objectContaining({ code }));
  });

  it('takes the replacement character where somebody really wrote it', () => {
    expect(take('{"text":"\ufffd"}').data).toHaveLength(3);
  });
});

describe('labels out', () => {
  it('come with their probabilities, the most probable first', () => {
    expect(tensorsToLabels(outputs(['en', 'fr', 'da'], [0.25, 0.5, 0.125]), text)).toEqual({
      labels: [
        { label: 'fr', probability: 0.5 },
        { label: 'en', probability: 0.25 },
        { label: 'da', probability: 0.125 },
      ],
    });
  });

  it.each([
    ['too few probabilities', outputs(['en', 'fr'], [1])],
    ['no labels', outputs(['en'], [1]).slice(1)],
    ['a probability that is no number', outputs(['en'], [Number.NaN])],
    [
      'labels that cannot be read',
      [{ ...outputs([], [])[0], data: Buffer.from([9, 0, 0, 0]) } as Tensor, ...outputs(['x'], [1]).slice(1)],
    ],
  ])('are refused with %s', (_, tensors) => {
    expect(() => tensorsToLabels(tensors, text)).toThrow(expect.objectContaining({ code: 'inference_failed' }));
  });
});
