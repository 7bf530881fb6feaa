import fc from 'fast-check';
import { allBases } from './base-requests.js';
import { type Change, type Draft, type Members, Raw, type Value } from './mutated-requests.js';

const raw = (text: string) => new Raw(text);
const isMembers = (value: Value | undefined): value is Members =>
  value !== null && typeof value === 'object' && !Array.isArray(value) && !(value instanceof Raw);

const change = (what: string, apply: (draft: Draft) => Draft): Change => ({ what, apply });
const onInput = (what: string, made: (draft: Draft) => Members): Change =>
  change(what, (draft) => ({ ...draft, input: { ...draft.input, ...made(draft) } }));
const onRequest = (what: string, made: (draft: Draft) => Members): Change =>
  change(what, (draft) => ({ ...draft, members: { ...draft.members, ...made(draft) } }));
const onData = (what: string, data: (draft: Draft) => Value): Change =>
  change(what, ({ bytes: _, ...draft }) => ({ ...draft, input: { ...draft.input, data: data(draft) } }));
const parametersOf = ({ parameters }: Members): Members => (isMembers(parameters) ? parameters : {});
const without = (members: Members, key: string): Members =>
  Object.fromEntries(Object.entries(members).filter(([own]) => own !== key));
/** The data go behind the JSON, as bytes. */
const binary = (draft: Draft, bytes: Uint8Array): Draft => {
  const parameters = { ...parametersOf(draft.input), binary_data_size: bytes.byteLength };
  return { ...draft, bytes, input: { ...without(draft.input, 'data'), parameters } };
};

/** Ends of ranges and what lies beyond them, other ways to write numbers, texts, and things that are no elements. */
const element: fc.Arbitrary<Value> = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: -300, max: 300 }) },
  {
    weight: 3,
    arbitrary: fc
      .constantFrom(7n, 8n, 15n, 16n, 31n, 32n, 63n, 64n)
      .chain((bits) => fc.constantFrom(-(2n ** bits) - 1n, -(2n ** bits), 2n ** bits - 1n, 2n ** bits))
      .map((value) => raw(String(value))),
  },
  { weight: 2, arbitrary: fc.float({ noNaN: true, noDefaultInfinity: true }) },
  { weight: 1, arbitrary: fc.double({ noNaN: true, noDefaultInfinity: true }) },
  { weight: 2, arbitrary: fc.constantFrom('1.0', '-0', '-0.0', '1e2', '1E-3', '3.4e38', '1e39', '1e400').map(raw) },
  { weight: 2, arbitrary: fc.constantFrom('-1e400', 'NaN', '-Infinity', '01', '+1', '.5', '1.', '0x1').map(raw) },
  { weight: 2, arbitrary: fc.constantFrom<Value>(true, false, null, '', 'a', '1', {}, []) },
  { weight: 1, arbitrary: fc.string({ unit: 'grapheme', maxLength: 4 }) },
  { weight: 1, arbitrary: fc.constantFrom('"\\ud800"', '"\\u0000"', '"\\x"', '"\\u00fc"', '"\t"').map(raw) },
);
const dimension: fc.Arbitrary<Value> = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 9 }) },
  { weight: 1, arbitrary: fc.integer({ min: -3, max: -1 }) },
  { weight: 1, arbitrary: fc.constantFrom<Value>('1', null, true, raw('1.0'), raw('1e0'), [1], 100_000) },
);
const anything = fc.constantFrom<Value>(
  ...[null, true, false, 0, -1, 1, raw('1.5'), raw('18446744073709551616'), '', 'x', [], {}, [1], { a: 1 }],
);
const name = fc.constantFrom('X', 'Y', 'INPUT0', 'OUTPUT0', 'TEXT', 'P', 'COUNT', 'nothing', '', 'x'.repeat(300));
const parameter = fc.constantFrom(
  ...['binary_data_output', 'binary_data', 'binary_data_size', 'classification', 'priority', 'timeout', 'sequence_id'],
  ...['sequence_start', 'shared_memory_region', 'triton_x', 'mine'],
);
const parameters: fc.Arbitrary<Members> = fc
  .array(fc.tuple(parameter, anything), { minLength: 1, maxLength: 2 })
  .map((members) => Object.fromEntries(members));
const nested = (value: Value, depth: number): Value => (depth === 0 ? value : [nested(value, depth - 1)]);

const dataChanges: fc.Arbitrary<Change> = fc.oneof(
  fc.array(element, { maxLength: 6 }).map((data) => onData('data', () => data)),
  fc
    .tuple(fc.nat({ max: 3 }), element)
    .map(([at, value]) =>
      onData('one element', ({ base: { data } }) => data.map((old, i) => (i === at % data.length ? value : old))),
    ),
  fc.integer({ min: 1, max: 40 }).map((depth) => onData('nested data', ({ base }) => nested([...base.data], depth))),
  fc
    .integer({ min: 1, max: 40 })
    .map((depth) => onData('nested elements', ({ base }) => base.data.map((value) => nested(value, depth)))),
  anything.map((data) => onData('data of another kind', () => data)),
  fc.constant(change('binary', (draft) => binary(draft, draft.base.bytes))),
  fc.constant(change('binary', (draft) => binary(draft, draft.base.bytes))),
  fc.uint8Array({ maxLength: 24 }).map((bytes) => change('other bytes', (draft) => binary(draft, bytes))),
);

const inputChanges: fc.Arbitrary<Change> = fc.oneof(
  fc.array(dimension, { maxLength: 4 }).map((shape) => onInput('shape', () => ({ shape }))),
  anything.map((shape) => onInput('shape of another kind', () => ({ shape }))),
  fc
    .constantFrom<Value>(...new Set(allBases.map(({ datatype }) => datatype)), 'int32', 'FP8', '', 5, null)
    .map((datatype) => onInput('datatype', () => ({ datatype }))),
  fc
    .constantFrom('name', 'shape', 'datatype', 'data')
    .map((member) => change(`no ${member}`, (draft) => ({ ...draft, input: without(draft.input, member) }))),
  fc
    .tuple(fc.constantFrom('extra', 'parameters', 'name', 'Data', ''), anything)
    .map(([key, value]) => onInput(`member '${key}' of the input`, () => ({ [key]: value }))),
  name.map((own) => onInput('input name', () => ({ name: own }))),
  parameters.map((own) =>
    onInput('parameters of the input', ({ input }) => ({ parameters: { ...parametersOf(input), ...own } })),
  ),
  fc
    .integer({ min: -9, max: 99 })
    .map((size) =>
      onInput('binary_data_size', ({ input }) => ({ parameters: { ...parametersOf(input), binary_data_size: size } })),
    ),
);

const requestChanges: fc.Arbitrary<Change> = fc.oneof(
  fc
    .tuple(fc.constantFrom('extra', 'id', 'parameters', 'outputs', 'inputs', 'model_name'), anything)
    .map(([key, value]) => onRequest(`member '${key}'`, () => ({ [key]: value }))),
  fc.array(fc.tuple(fc.option(name), fc.option(parameters)), { maxLength: 3 }).map((wanted) =>
    onRequest('outputs', ({ base }) => ({
      outputs: wanted.map(([own, its]) => ({ name: own ?? base.output, ...(its ? { parameters: its } : {}) })),
    })),
  ),
  fc.boolean().map((flag) =>
    onRequest('a binary output', ({ base }) => ({
      outputs: [{ name: base.output, parameters: { binary_data: flag } }],
    })),
  ),
  fc
    .integer({ min: -1, max: 9 })
    .map((classification) =>
      onRequest('classification', ({ base }) => ({ outputs: [{ name: base.output, parameters: { classification } }] })),
    ),
  parameters.map((own) => onRequest('parameters', () => ({ parameters: own }))),
  fc.boolean().map((flag) => onRequest('binary_data_output', () => ({ parameters: { binary_data_output: flag } }))),
  fc.constant(change('the input twice', (draft) => ({ ...draft, more: [...draft.more, draft.input] }))),
  fc.tuple(name, element).map(([own, value]) =>
    change('one input more', (draft) => ({
      ...draft,
      more: [...draft.more, { name: own, shape: [1], datatype: 'INT32', data: [value] }],
    })),
  ),
);

const messageChanges: fc.Arbitrary<Change> = fc.oneof(
  fc
    .integer({ min: -400, max: 40 })
    .map((by) => change('header length', (draft) => ({ ...draft, headerLengthBy: by }))),
  fc.double({ min: 0, max: 1, noNaN: true }).map((keep) => change('cut off', (draft) => ({ ...draft, keep }))),
  fc
    .constantFrom(
      'nothing',
      'add_one/versions/1',
      'add_one/versions/2',
      'add_one/versions/0',
      'softmax/versions/x',
      '',
      '%20',
    )
    .map((model) => change('model', (draft) => ({ ...draft, path: `/v2/models/${model}/infer` }))),
  fc
    .constantFrom('1', '2', '-1', '01', '')
    .map((version) =>
      change('version', (draft) => ({ ...draft, path: `/v2/models/${draft.base.model}/versions/${version}/infer` })),
    ),
);

/** Everything that may be wrong with an inference request, or merely unusual. */
export const requestChange: fc.Arbitrary<Change> = fc.oneof(
  { weight: 4, arbitrary: dataChanges },
  { weight: 3, arbitrary: inputChanges },
  { weight: 3, arbitrary: requestChanges },
  { weight: 1, arbitrary: messageChanges },
);
