/**
 * Requests that were not recorded, with the status that Triton 2.51 gives (or, where it would wrap, allocate or die, the one
 * that is required instead: `own`). Every one but the successes answers with an `error`. The server must
 * have `add_one`, `same_fp32`, `same_uint8`, `text_echo` and `softmax` loaded.
 */
export interface UnrecordedCase {
  readonly name: string;
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  readonly status: number;
  /** Triton is not to be imitated here. */
  readonly own?: true;
}

const ADD = '/v2/models/add_one/infer';
const input = (over: object = {}) => ({
  name: 'INPUT0',
  shape: [1, 4],
  datatype: 'INT32',
  data: [1, 2, 3, 4],
  ...over,
});
const infer = (value: unknown): string => JSON.stringify(value);
const one = (over: object, more: object = {}): string => infer({ inputs: [input(over)], ...more });
const fp32 = (data: string, shape = '[1]') =>
  `{"inputs":[{"name":"X","shape":${shape},"datatype":"FP32","data":${data}}]}`;

export const unrecordedCases: readonly UnrecordedCase[] = [
  { name: 'a shape of 2^31', path: ADD, body: one({ shape: [2 ** 31, 4], data: [1, 2, 3] }), status: 400, own: true },
  {
    name: 'a shape of 2^31 where any is allowed',
    path: '/v2/models/same_fp32/infer',
    body: fp32('[1,2,3]', '[2147483648]'),
    status: 400,
    own: true,
  },
  {
    name: 'a shape of 2^63',
    path: ADD,
    body: '{"inputs":[{"name":"INPUT0","shape":[9223372036854775808,4],"datatype":"INT32","data":[1]}]}',
    status: 400,
    own: true,
  },
  {
    name: 'a shape beyond 64 bits',
    path: ADD,
    body: '{"inputs":[{"name":"INPUT0","shape":[99999999999999999999,4],"datatype":"INT32","data":[1]}]}',
    status: 500,
  },
  {
    name: 'data nested 100,000 deep',
    path: ADD,
    body: `{"inputs":[{"name":"INPUT0","shape":[1,4],"datatype":"INT32","data":${'['.repeat(100_000)}${']'.repeat(100_000)}}]}`,
    status: 400,
    own: true,
  },
  { name: 'nesting 100,000 deep without an end', path: ADD, body: '['.repeat(100_000), status: 400, own: true },
  { name: 'objects nested 100,000 deep', path: ADD, body: '{"a":'.repeat(100_000), status: 400, own: true },
  {
    name: 'UINT8 above its range',
    path: '/v2/models/same_uint8/infer',
    body: infer({ inputs: [{ name: 'X', shape: [1], datatype: 'UINT8', data: [256] }] }),
    status: 400,
    own: true,
  },
  {
    name: 'INT64 for INT32 elements',
    path: ADD,
    body: '{"inputs":[{"name":"INPUT0","shape":[1,4],"datatype":"INT32","data":[1,2,3,9223372036854775808]}]}',
    status: 500,
  },
  { name: 'infinity in JSON', path: '/v2/models/same_fp32/infer', body: fp32('[-Infinity]'), status: 400, own: true },
  { name: 'a number beyond FP64', path: '/v2/models/same_fp32/infer', body: fp32('[1e400]'), status: 500 },
  { name: 'a number with a leading zero', path: '/v2/models/same_fp32/infer', body: fp32('[01]'), status: 500 },
  { name: 'a tensor without elements', path: '/v2/models/same_fp32/infer', body: fp32('[]', '[0]'), status: 200 },
  { name: 'data that are no list', path: ADD, body: one({ data: 5 }), status: 500 },
  { name: 'data that are null', path: ADD, body: one({ data: null }), status: 500 },
  { name: 'inputs that are an object', path: ADD, body: infer({ inputs: {} }), status: 500 },
  { name: 'inputs that are null', path: ADD, body: infer({ inputs: null }), status: 500 },
  { name: 'an input that is a number', path: ADD, body: infer({ inputs: [5] }), status: 400 },
  { name: 'a name that is a number', path: ADD, body: one({ name: 5 }), status: 500 },
  { name: 'a shape that is a number', path: ADD, body: one({ shape: 4 }), status: 500 },
  { name: 'a shape of text', path: ADD, body: one({ shape: ['1', '4'] }), status: 500 },
  { name: 'a shape without dimensions', path: ADD, body: one({ shape: [], data: [1] }), status: 400 },
  { name: 'a shape of too many dimensions', path: ADD, body: one({ shape: [1, 4, 1] }), status: 400 },
  { name: 'an id that is a number', path: ADD, body: one({}, { id: 5 }), status: 500 },
  { name: 'an empty id', path: ADD, body: one({}, { id: '' }), status: 200 },
  { name: 'outputs that are an object', path: ADD, body: one({}, { outputs: {} }), status: 500 },
  { name: 'an output without a name', path: ADD, body: one({}, { outputs: [{}] }), status: 500 },
  {
    name: 'binary_data that is a number',
    path: ADD,
    body: one({}, { outputs: [{ name: 'OUTPUT0', parameters: { binary_data: 1 } }] }),
    status: 500,
  },
  {
    name: 'a classification that is text',
    path: ADD,
    body: one({}, { outputs: [{ name: 'OUTPUT0', parameters: { classification: 'x' } }] }),
    status: 500,
  },
  {
    name: 'a classification of text',
    path: '/v2/models/text_echo/infer',
    body: infer({
      inputs: [{ name: 'TEXT', shape: [1], datatype: 'BYTES', data: ['a'] }],
      outputs: [{ name: 'TEXT_OUT', parameters: { classification: 1 } }],
    }),
    status: 400,
    own: true,
  },
  {
    name: 'a classification of more than there are',
    path: '/v2/models/softmax/infer',
    body: infer({
      inputs: [{ name: 'X', shape: [1, 3], datatype: 'FP32', data: [1, 2, 3] }],
      outputs: [{ name: 'P', parameters: { classification: 10 } }],
    }),
    status: 200,
  },
  { name: 'parameters that are a list', path: ADD, body: one({}, { parameters: [] }), status: 500 },
  { name: 'a reserved parameter', path: ADD, body: one({}, { parameters: { triton_x: 1 } }), status: 400 },
  { name: 'a parameter that is null', path: ADD, body: one({}, { parameters: { mine: null } }), status: 400 },
  { name: 'a priority below zero', path: ADD, body: one({}, { parameters: { priority: -1 } }), status: 500 },
  { name: 'a timeout that is text', path: ADD, body: one({}, { parameters: { timeout: 'x' } }), status: 500 },
  { name: 'unknown members', path: ADD, body: one({ more: { deep: [1] } }, { else: [{}] }), status: 200 },
  {
    name: 'members twice: the first counts',
    path: ADD,
    body: '{"inputs":[{"name":"INPUT0","shape":[1,4],"datatype":"INT32","datatype":"FP32","data":[1,2,3,4]}],"inputs":5}',
    status: 200,
  },
  { name: 'JSON of a byte order mark', path: ADD, body: `\u{feff}${one({})}`, status: 500, own: true },
  { name: 'white space alone', path: ADD, body: '  ', status: 500 },
  {
    name: 'shared memory that is not there',
    path: ADD,
    body: infer({
      inputs: [
        {
          name: 'INPUT0',
          shape: [1, 4],
          datatype: 'INT32',
          parameters: { shared_memory_region: 'r', shared_memory_byte_size: 16 },
        },
      ],
    }),
    status: 400,
    own: true,
  },
  {
    name: 'text with a zero byte',
    path: '/v2/models/text_echo/infer',
    body: infer({ inputs: [{ name: 'TEXT', shape: [1], datatype: 'BYTES', data: ['a\u0000b'] }] }),
    status: 400,
    own: true,
  },
  {
    name: 'fewer texts than the shape',
    path: '/v2/models/text_echo/infer',
    body: infer({ inputs: [{ name: 'TEXT', shape: [3], datatype: 'BYTES', data: ['a'] }] }),
    status: 400,
  },
  {
    name: 'raw bytes of another size',
    path: ADD,
    headers: { 'Inference-Header-Content-Length': '0' },
    body: 'abc',
    status: 400,
  },
  {
    name: 'raw bytes for a list of texts',
    path: '/v2/models/text_echo/infer',
    headers: { 'Inference-Header-Content-Length': '0' },
    body: 'abc',
    status: 400,
  },
  {
    name: 'raw bytes for a free dimension',
    path: '/v2/models/same_fp32/infer',
    headers: { 'Inference-Header-Content-Length': '0' },
    body: Buffer.alloc(8),
    status: 200,
  },
  { name: 'gzip of nothing', path: ADD, headers: { 'Content-Encoding': 'gzip' }, status: 400 },
  { name: 'deflate that is none', path: ADD, headers: { 'Content-Encoding': 'deflate' }, body: 'abc', status: 400 },
  {
    name: 'an encoding named identity',
    path: ADD,
    headers: { 'Content-Encoding': 'identity' },
    body: one({}),
    status: 200,
  },
  {
    name: 'generate with an encoding',
    path: '/v2/models/add_one/generate',
    headers: { 'Content-Encoding': 'gzip' },
    body: '{}',
    status: 400,
  },
  { name: 'generate without inputs', path: '/v2/models/add_one/generate', body: '{}', status: 400 },
  {
    name: 'generate with a misfitting list',
    path: '/v2/models/add_one/generate',
    body: '{"INPUT0":[1,2,3]}',
    status: 400,
  },
  {
    name: 'generate with text for numbers',
    path: '/v2/models/add_one/generate',
    body: '{"INPUT0":["a",2,3,4]}',
    status: 500,
  },
  { name: 'generate with a list for a body', path: '/v2/models/add_one/generate', body: '[1]', status: 500 },
  { name: 'generate_stream', path: '/v2/models/add_one/generate_stream', body: '{"INPUT0":[1,2,3,4]}', status: 200 },
  {
    name: 'a version beyond 64 bits',
    path: '/v2/models/add_one/versions/99999999999999999999/infer',
    body: one({}),
    status: 400,
  },
  { name: 'version 0', path: '/v2/models/add_one/versions/0/infer', body: one({}), status: 404 },
  { name: 'a repository by name', path: '/v2/repository/mine/models/add_one/load', status: 501 },
  { name: 'an index with a flag that is text', path: '/v2/repository/index', body: '{"ready":"yes"}', status: 500 },
  { name: 'an index with a list', path: '/v2/repository/index', body: '[]', status: 200 },
  {
    name: 'unload with a flag that is text',
    path: '/v2/repository/models/nothere/unload',
    body: '{"parameters":{"unload_dependents":"x"}}',
    status: 500,
    own: true,
  },
  { name: 'another method', method: 'DELETE', path: '/v2/models/add_one', status: 405 },
  { name: 'metadata by POST', method: 'POST', path: '/v2', status: 405 },
  { name: 'statistics of everything', method: 'GET', path: '/v2/models/stats', status: 200 },
  { name: 'shared memory regions', method: 'GET', path: '/v2/systemsharedmemory/status', status: 200 },
];
