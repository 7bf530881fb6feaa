import { gunzipSync } from 'node:zlib';
import { isObject, JsonFloat, type JsonValue, readInferResponse, readJson, type Tensor } from '#inference-protocol';
import { absentMetrics, pythonModels } from './deviations.js';
import type { Answer } from './recordings.js';

/** Members whose value is wording, a time, a count or the server's own name: they must be there, of the same kind. */
const freeMembers: ReadonlySet<string> = new Set([
  'error',
  'reason',
  'runtime',
  'last_inference',
  'inference_count',
  'execution_count',
  'count',
  'ns',
]);
/** Whole lists that each server fills as it has them. */
const freeLists: ReadonlySet<string> = new Set(['extensions', 'batch_stats', 'memory_usage']);
const FLOAT_TOLERANCE = 1e-5;

/** How an answer differs from the recorded one; empty when it agrees. */
export function differences(path: string, recorded: Answer, actual: Answer): string[] {
  if (recorded.status !== actual.status) {
    return [`status ${actual.status} instead of ${recorded.status}: ${actual.body.toString('utf8').slice(0, 200)}`];
  }
  if (path === '/metrics') return compareMetrics(recorded, actual);
  const found: string[] = [];
  const want = decoded(recorded);
  const have = decoded(actual);
  const encoding = (answer: Answer) => answer.headers['content-encoding'] ?? '';
  if (encoding(recorded) !== encoding(actual)) found.push(`content-encoding '${encoding(actual)}'`);
  if (recorded.status === 200 && want.byteLength > 0) {
    const type = (answer: Answer) => (answer.headers['content-type'] ?? '').split(';')[0];
    if (type(recorded) !== type(actual)) found.push(`content-type ${type(actual)} instead of ${type(recorded)}`);
  }
  const header = (answer: Answer) => answer.headers['inference-header-content-length'];
  if (header(recorded) !== undefined || header(actual) !== undefined) {
    return [...found, ...compareBinary(want, have, header(recorded), header(actual))];
  }
  if (want.byteLength === 0 || have.byteLength === 0) {
    if (want.byteLength !== have.byteLength)
      found.push(`a body of ${have.byteLength} bytes instead of ${want.byteLength}`);
    return found;
  }
  return [...found, ...compareJson(withoutPython(readJson(want)), withoutPython(readJson(have)), '', path)];
}

function decoded({ headers, body }: Answer): Buffer {
  if (headers['content-encoding'] === 'gzip') return gunzipSync(body);
  if (!headers['content-type']?.startsWith('text/event-stream')) return body;
  // Events as one list, so that each is compared as any other answer.
  const events = [...body.toString('utf8').matchAll(/^data: (.*)$/gm)].map(([, event]) => event);
  return Buffer.from(`[${events.join(',')}]`);
}

/** An index without the models that only a real server runs. */
function withoutPython(value: JsonValue): JsonValue {
  if (!Array.isArray(value)) return value;
  return value.filter((entry) => !(isObject(entry) && pythonModels.includes(String(entry.get('name')))));
}

/**
 * The recorded server ran ONNX through Python, which gave text back as Python writes bytes (`b'Gr\xc3\xbc'`): undone, so
 * that what is compared is what the model said.
 */
export function fromPythonBytes(text: string): string {
  const inner = /^b(['"])([\s\S]*)\1$/.exec(text)?.[2];
  if (inner === undefined) return text;
  const bytes = inner.replace(/\\x([0-9a-f]{2})|\\(.)/g, (_, hex: string | undefined, simple: string | undefined) =>
    hex === undefined ? (simple ?? '') : String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

const numberOf = (value: JsonValue): number | bigint | undefined => {
  if (value instanceof JsonFloat) return value.value;
  return typeof value === 'number' || typeof value === 'bigint' ? value : undefined;
};

function sameNumber(want: number | bigint, have: number | bigint): boolean {
  if (want === have) return true;
  const a = Number(want);
  const b = Number(have);
  if (Number.isNaN(a)) return Number.isNaN(b);
  // What JSON gives beyond exact integers as a number was written as a fraction or with an exponent: Triton reads such with
  // an error in the last place.
  const whole = typeof want === 'bigint' || typeof have === 'bigint' || [a, b].every(Number.isSafeInteger);
  return !whole && Math.abs(a - b) <= FLOAT_TOLERANCE * Math.max(Math.abs(a), Math.abs(b));
}

function compareJson(want: JsonValue, have: JsonValue, at: string, path: string): string[] {
  if (isObject(want)) {
    if (!isObject(have)) return [`${at || 'the body'} is no object`];
    const found: string[] = [];
    for (const key of want.keys()) if (!have.has(key)) found.push(`${at}.${key} is missing`);
    for (const key of have.keys()) if (!want.has(key)) found.push(`${at}.${key} should not be there`);
    for (const [key, value] of want) {
      const own = have.get(key);
      if (own === undefined) continue;
      const free = freeMembers.has(key) || (path === '/v2' && (key === 'name' || key === 'version'));
      if (freeLists.has(key)) found.push(...(Array.isArray(own) ? [] : [`${at}.${key} is no list`]));
      else if (free) found.push(...(typeof own === typeof value ? [] : [`${at}.${key} is of another kind`]));
      else found.push(...compareJson(value, own, `${at}.${key}`, path));
    }
    return found;
  }
  if (Array.isArray(want)) {
    if (!Array.isArray(have)) return [`${at || 'the body'} is no list`];
    if (want.length !== have.length)
      return [`${at || 'the body'} has ${have.length} elements instead of ${want.length}`];
    return want.flatMap((value, i) => compareJson(value, have[i] as JsonValue, `${at}[${i}]`, path));
  }
  const a = numberOf(want);
  const b = numberOf(have);
  if (a !== undefined && b !== undefined) return sameNumber(a, b) ? [] : [`${at} is ${b} instead of ${a}`];
  const wanted = typeof want === 'string' ? fromPythonBytes(want) : want;
  return wanted === have ? [] : [`${at} is ${String(have)} instead of ${String(wanted)}`];
}

function compareBinary(want: Buffer, have: Buffer, wantHeader?: string, haveHeader?: string): string[] {
  if (wantHeader === undefined || haveHeader === undefined) {
    return [`Inference-Header-Content-Length is ${haveHeader} instead of ${wantHeader}`];
  }
  const a = readInferResponse(want, Number(wantHeader));
  const b = readInferResponse(have, Number(haveHeader));
  const head = ({ id, modelName, modelVersion }: typeof a) => `${id} ${modelName} ${modelVersion}`;
  if (head(a) !== head(b)) return [`answers for ${head(b)} instead of ${head(a)}`];
  if (a.outputs.length !== b.outputs.length) return [`${b.outputs.length} outputs instead of ${a.outputs.length}`];
  return a.outputs.flatMap((output, i) => compareTensors(output, b.outputs[i] as Tensor));
}

function compareTensors(want: Tensor, have: Tensor): string[] {
  const about = ({ name, datatype, shape }: Tensor) => `${name} ${datatype} [${shape}]`;
  if (about(want) !== about(have)) return [`output ${about(have)} instead of ${about(want)}`];
  if (Buffer.compare(want.data, have.data) === 0) return [];
  if (want.datatype !== 'BYTES') return [`the data of ${want.name} differ`];
  const text = (data: Uint8Array) => Buffer.from(data).toString('latin1');
  const plain = [...text(want.data).matchAll(/b'((?:[^'\\]|\\.)*)'/g)].map(([match]) => fromPythonBytes(match));
  const packed = plain.map((element) => {
    const bytes = Buffer.from(element, 'utf8');
    const length = Buffer.alloc(4);
    length.writeUInt32LE(bytes.byteLength);
    return text(Buffer.concat([length, bytes]));
  });
  return packed.join('') === text(have.data) ? [] : [`the texts of ${want.name} differ`];
}

function compareMetrics(recorded: Answer, actual: Answer): string[] {
  const families = (answer: Answer) =>
    new Set([...answer.body.toString('utf8').matchAll(/^# TYPE (\S+ \S+)$/gm)].map((match) => match[1] ?? ''));
  const have = families(actual);
  const missing = [...families(recorded)].filter(
    (family) => !have.has(family) && !absentMetrics.includes(family.split(' ')[0] ?? ''),
  );
  const labels = (answer: Answer) =>
    /^nv_inference_request_success\{([^}]*)\}/m.exec(answer.body.toString('utf8'))?.[1]?.replace(/"[^"]*"/g, '');
  const found = missing.map((family) => `the metric ${family} is missing`);
  return labels(recorded) === labels(actual) ? found : [...found, 'the labels of the metrics differ'];
}
