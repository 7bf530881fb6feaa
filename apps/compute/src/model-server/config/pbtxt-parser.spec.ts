import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { propertyRuns } from '#testing';
import { fixtures } from '../contract/recordings.js';
import { parseConfigJson } from './config-json.js';
import { ConfigError, toJson } from './config-message.js';
import { parsePbtxt } from './pbtxt-parser.js';

const plain = (text: string): unknown => JSON.parse(JSON.stringify(parsePbtxt(text)));
const refusal = (text: string): string => {
  try {
    parsePbtxt(text);
    return 'none';
  } catch (error) {
    return error instanceof ConfigError ? error.message : `another error: ${String(error)}`;
  }
};

describe('parsePbtxt', () => {
  it('reads what is written in the text form of protocol buffers', () => {
    const text = `# a comment
      name: "a" 'b\\n\\x41\\101'   max_batch_size: 0x10;
      input [ { name: "X" data_type: TYPE_FP32 dims: [ 4, -1 ] }, { name: 'Y', data_type: 9, dims: 1 dims: 2 } ]
      input < name: "Z" data_type: TYPE_STRING dims: [] optional: true >
      version_policy: { specific { versions: [1, 3] } }
      parameters { key: "k" value { string_value: "v" } }
      parameters: [ { key: "l" value: { string_value: "w" } } ]
      dynamic_batching { }`;
    expect(plain(text)).toEqual({
      name: 'ab\nAA',
      max_batch_size: 16,
      input: [
        { name: 'X', data_type: 'TYPE_FP32', dims: [4, -1] },
        { name: 'Y', data_type: 'TYPE_INT64', dims: [1, 2] },
        { name: 'Z', data_type: 'TYPE_STRING', dims: [], optional: true },
      ],
      version_policy: { specific: { versions: [1, 3] } },
      parameters: { k: { string_value: 'v' }, l: { string_value: 'w' } },
      dynamic_batching: {},
    });
  });

  it.each([
    ['an unknown field', 'nme: "x"', /no field named "nme"/],
    ['an unknown value', 'input { data_type: TYPE_NOPE }', /TYPE_NOPE/],
    ['a value twice', 'name: "a" name: "b"', /multiple times/],
    ['two of one choice', 'dynamic_batching {} sequence_batching {}', /another member of oneof/],
    ['text for a number', 'max_batch_size: "8"', /Expected int32/],
    ['a number for text', 'name: 8', /Expected string/],
    ['a number out of range', 'max_batch_size: 3000000000', /out of range/],
    ['a negative unsigned number', 'version_policy { latest { num_versions: -1 } }', /out of range/],
    ['a fraction', 'max_batch_size: 1.5', /Expected integer/],
    ['a missing colon', 'name "x"', /Expected/],
    ['an open message', 'input {', /Expected identifier/],
    ['an open list', 'input [ { name: "x" }', /Expected/],
    ['an open string', 'name: "x', /cannot cross/],
    ['another closing sign', 'input { > ', /Expected identifier/],
    ['strange characters', 'name: \u0001', /control characters/],
  ])('refuses %s', (_, text, message) => {
    expect(refusal(text)).toMatch(message);
  });

  it('refuses depth and garbage with its own error, and never with another', () => {
    const deep = `ensemble_scheduling { ${'step { input_map { key: "a" value: "b" } '.repeat(20_000)}`;
    expect(refusal(deep)).toMatch(/no field named|Expected|deep/);
    const piece = fc.constantFrom(
      'name',
      ':',
      '"x"',
      '{',
      '}',
      '[',
      ']',
      'input',
      'dims',
      '4',
      '-',
      ',',
      'TYPE_FP32',
      'data_type',
      '#',
      '\n',
      '<',
      '>',
      'parameters',
      'key',
      'value',
      "'",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 14 }), (pieces) => {
        expect(refusal(pieces.join(' '))).not.toMatch(/another error/);
      }),
      propertyRuns(3000),
    );
  });

  it('reads every configuration of the recorded repository but the wrong one', () => {
    const { models } = fixtures();
    for (const name of readdirSync(models)) {
      const outcome = refusal(readFileSync(`${models}/${name}/config.pbtxt`, 'utf8'));
      expect(`${name}: ${outcome.slice(0, 4)}`).toBe(name === 'wrong_config' ? 'wrong_config: 4: U' : `${name}: none`);
    }
  });
});

describe('parseConfigJson', () => {
  it('says the same as the text form', () => {
    const json =
      '{"name":"m","maxBatchSize":"8","input":[{"name":"X","data_type":"TYPE_FP32","dims":["4",-1]}],"parameters":{"k":{"string_value":"v"}},"version_policy":{"all":{}},"output":null}';
    const text =
      'name: "m" max_batch_size: 8 input { name: "X" data_type: TYPE_FP32 dims: [4, -1] } parameters { key: "k" value { string_value: "v" } } version_policy { all {} }';
    expect(parseConfigJson(json)).toEqual(parsePbtxt(text));
  });

  it.each([
    '{not json',
    '[]',
    '{"nope":1}',
    '{"name":5}',
    '{"input":{}}',
    '{"max_batch_size":1.5}',
    '{"input":[{"data_type":"TYPE_NOPE"}]}',
    '{"version_policy":{"all":{},"latest":{}}}',
    `${'{"input":['.repeat(1000)}`,
  ])('refuses %s', (json) => {
    expect(() => parseConfigJson(json)).toThrow(ConfigError);
  });
});

describe('toJson', () => {
  it('shows defaults of scalars and lists, and messages only where they are set', () => {
    const json = toJson('ModelConfig', parsePbtxt('name: "m" version_policy { all {} } instance_group { count: 2 }'));
    expect(json).toMatchObject({
      name: 'm',
      platform: '',
      max_batch_size: 0,
      input: [],
      parameters: {},
      version_policy: { all: {} },
    });
    expect(json.instance_group).toEqual([
      {
        name: '',
        kind: 'KIND_AUTO',
        count: 2,
        gpus: [],
        secondary_devices: [],
        profile: [],
        passive: false,
        host_policy: '',
      },
    ]);
    expect(Object.keys(json)).not.toContain('dynamic_batching');
    expect(Object.keys(json)).not.toContain('optimization');
  });
});
