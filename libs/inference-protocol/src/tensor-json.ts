import { isUtf8 } from 'node:buffer';
import { BytesPacker, eachBytesElement } from './bytes-tensor.js';
import { type Datatype, elementBytes, integerRange, type Tensor } from './datatypes.js';
import { JsonScanner } from './json-scanner.js';
import { type JsonSpan, stringOf } from './json-value.js';
import { unfit, unreadable } from './protocol-error.js';

/** Beyond this a tensor is refused whatever its data say: nothing is ever allocated by what a shape promises. */
export const MAX_TENSOR_BYTES = 2 ** 31 - 1;

const mismatch = (input: string) =>
  unreadable(
    'tensor_shape_mismatch',
    `Unable to parse 'data': Shape does not match true shape of 'data' field of '${input}'`,
  );

const notA = (kind: string, code: 'tensor_invalid' | 'tensor_out_of_range' = 'tensor_invalid') =>
  unreadable(code, `Unable to parse 'data': attempt to access JSON non-${kind} as ${kind}`);

const outOfRange = (input: string, datatype: Datatype, text: string) =>
  unfit('tensor_out_of_range', `an element of '${input}' is beyond the range of ${datatype}: ${text.slice(0, 40)}`);

type WriteElement = (scanner: JsonScanner, view: DataView, at: number) => void;

/** What an integer datatype takes: its range, and what Triton calls an element of another kind. */
interface IntegerKind {
  readonly low: bigint;
  readonly high: bigint;
  /** The range as doubles, exact where they are used: for integers that a double holds. */
  readonly lowNumber: number;
  readonly highNumber: number;
  readonly unsigned: boolean;
}

function integerKind(datatype: Datatype): IntegerKind {
  const [low, high] = integerRange[datatype] as readonly [bigint, bigint];
  return { low, high, lowNumber: Number(low), highNumber: Number(high), unsigned: low === 0n };
}

/** An integer token at the scanner, exact: a number where a double holds it, else a bigint. */
function readInteger(scanner: JsonScanner, input: string, datatype: Datatype, kind: IntegerKind): bigint | number {
  const byte = scanner.next();
  const what = kind.unsigned ? 'unsigned-integer' : 'signed-integer';
  if (byte !== 0x2d && !(byte >= 0x30 && byte <= 0x39)) throw notA(what);
  const start = scanner.number();
  if (!scanner.integer) throw notA(what);
  if (Number.isSafeInteger(scanner.value)) {
    const { value } = scanner;
    if (kind.unsigned && value < 0) throw notA(what, 'tensor_out_of_range');
    if (value < kind.lowNumber || value > kind.highNumber) {
      throw outOfRange(input, datatype, scanner.text(start, scanner.position));
    }
    return value;
  }
  const text = scanner.text(start, scanner.position);
  const exact = BigInt(text);
  if (kind.unsigned ? exact < 0n || exact > 2n ** 64n - 1n : exact < -(2n ** 63n) || exact >= 2n ** 63n)
    throw notA(what, 'tensor_out_of_range');
  if (exact < kind.low || exact > kind.high) throw outOfRange(input, datatype, text);
  return exact;
}

function readFloat(scanner: JsonScanner, input: string, datatype: Datatype): number {
  const byte = scanner.next();
  if (byte !== 0x2d && byte !== 0x4e && byte !== 0x49 && !(byte >= 0x30 && byte <= 0x39)) throw notA('number');
  const start = scanner.number();
  const { value } = scanner;
  const written = () => scanner.text(start, scanner.position);
  if (!Number.isFinite(value)) {
    throw unfit('tensor_out_of_range', `an element of '${input}' is ${written()}, which is no JSON`);
  }
  if (datatype === 'FP32' && !Number.isFinite(Math.fround(value))) throw outOfRange(input, datatype, written());
  return value;
}

function elementWriter(input: string, datatype: Datatype): WriteElement {
  const kind = datatype in integerRange ? integerKind(datatype) : undefined;
  const integer = (scanner: JsonScanner) => Number(readInteger(scanner, input, datatype, kind as IntegerKind));
  const wide = (scanner: JsonScanner) => BigInt(readInteger(scanner, input, datatype, kind as IntegerKind));
  switch (datatype) {
    case 'BOOL':
      return (scanner, view, at) => {
        const byte = scanner.next();
        if (byte !== 0x74 && byte !== 0x66) throw notA('boolean');
        scanner.word(byte === 0x74 ? 'true' : 'false');
        view.setUint8(at, byte === 0x74 ? 1 : 0);
      };
    case 'UINT8':
      return (scanner, view, at) => view.setUint8(at, integer(scanner));
    case 'UINT16':
      return (scanner, view, at) => view.setUint16(at, integer(scanner), true);
    case 'UINT32':
      return (scanner, view, at) => view.setUint32(at, integer(scanner), true);
    case 'UINT64':
      return (scanner, view, at) => view.setBigUint64(at, wide(scanner), true);
    case 'INT8':
      return (scanner, view, at) => view.setInt8(at, integer(scanner));
    case 'INT16':
      return (scanner, view, at) => view.setInt16(at, integer(scanner), true);
    case 'INT32':
      return (scanner, view, at) => view.setInt32(at, integer(scanner), true);
    case 'INT64':
      return (scanner, view, at) => view.setBigInt64(at, wide(scanner), true);
    case 'FP32':
      return (scanner, view, at) => view.setFloat32(at, readFloat(scanner, input, datatype), true);
    case 'FP64':
      return (scanner, view, at) => view.setFloat64(at, readFloat(scanner, input, datatype), true);
    default:
      throw unfit(
        'tensor_invalid',
        `receiving ${datatype} data via JSON is not supported. Please use the binary data format for input ${input}`,
      );
  }
}

/** Calls `leaf` with the scanner before every element, however they are nested. */
function eachElement(scanner: JsonScanner, depth: number, leaf: () => void): void {
  if (scanner.next() === 0x5b) scanner.elements(depth + 1, () => eachElement(scanner, depth + 1, leaf));
  else leaf();
}

/**
 * Reads the elements of a `data` member, flat or nested, into the binary form. `count` is the number that the shape
 * promises; for BYTES it is not compared here, as the fit to the shape is checked on the binary form.
 */
export function elementsFromJson(input: string, span: JsonSpan, datatype: Datatype, count: number): Uint8Array {
  const scanner = new JsonScanner(span.bytes, span.start, span.end);
  if (datatype === 'BYTES') return bytesFromJson(scanner, count);
  const write = elementWriter(input, datatype);
  const size = elementBytes[datatype];
  if (count * size > MAX_TENSOR_BYTES) {
    throw unfit('tensor_shape_mismatch', `the shape of '${input}' promises more than ${MAX_TENSOR_BYTES} bytes`);
  }
  // Each element takes at least its digit and a separator, so a shape that promises more is not allocated.
  const most = Math.min(count, span.end - span.start);
  const data = Buffer.allocUnsafe(most * size);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  let found = 0;
  eachElement(scanner, 0, () => {
    if (found >= most) throw mismatch(input);
    write(scanner, view, found * size);
    found++;
  });
  if (found !== count) throw mismatch(input);
  return data;
}

function bytesFromJson(scanner: JsonScanner, count: number): Uint8Array {
  const packer = new BytesPacker();
  let found = 0;
  eachElement(scanner, 0, () => {
    if (scanner.next() !== 0x22) {
      throw unreadable(
        'tensor_invalid',
        'Unable to parse JSON bytes array: attempt to access JSON non-string as string',
      );
    }
    const span = scanner.string();
    // One too many tells the mismatch; the rest is read for its kind only.
    if (found++ > count) return;
    if (span.escaped) {
      const text = Buffer.from(stringOf(scanner.bytes, span), 'utf8');
      packer.add(text, 0, text.byteLength);
    } else packer.add(scanner.bytes, span.start, span.end);
  });
  return packer.finish();
}

/** A double as servers of the protocol write it: shortest digits that read back the same, `2.0` for two. */
export function floatToJson(value: number): string {
  if (Object.is(value, -0)) return '-0.0';
  const text = String(value);
  return Number.isInteger(value) && !text.includes('e') ? `${text}.0` : text.replace('e+', 'e');
}

const CHUNK_ELEMENTS = 8192;

/**
 * The elements of a tensor as the inside of a JSON array, in pieces. NaN and the infinities are written as such, which is
 * no JSON but what Triton writes; FP16 and BYTES that are not UTF-8 have no JSON form and throw `tensor_invalid`.
 */
export function* elementsToJson(tensor: Tensor): Generator<string> {
  if (tensor.datatype === 'BYTES') return yield* textsToJson(tensor);
  const read = elementReader(tensor);
  const count = tensor.data.byteLength / elementBytes[tensor.datatype];
  for (let from = 0; from < count; from += CHUNK_ELEMENTS) {
    const until = Math.min(count, from + CHUNK_ELEMENTS);
    let piece = from === 0 ? '' : ',';
    for (let i = from; i < until; i++) piece += i === from ? read(i) : `,${read(i)}`;
    yield piece;
  }
}

function* textsToJson(tensor: Tensor): Generator<string> {
  const { data, name } = tensor;
  const buffer = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  let piece = '';
  const pieces: string[] = [];
  eachBytesElement(tensor, (start, end) => {
    if (!isUtf8(buffer.subarray(start, end))) {
      throw unfit('tensor_invalid', `output '${name}' is not UTF-8 text. Please use the binary data format for output`);
    }
    if (piece !== '') piece += ',';
    piece += JSON.stringify(buffer.toString('utf8', start, end));
    if (piece.length > CHUNK_ELEMENTS) {
      pieces.push(piece);
      piece = '';
    }
  });
  if (piece !== '') pieces.push(piece);
  for (let i = 0; i < pieces.length; i++) yield i === 0 ? (pieces[i] as string) : `,${pieces[i]}`;
}

function elementReader(tensor: Tensor): (index: number) => string {
  const { data, datatype } = tensor;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  switch (datatype) {
    case 'BOOL':
      return (i) => (data[i] === 0 ? 'false' : 'true');
    case 'UINT8':
      return (i) => String(data[i]);
    case 'UINT16':
      return (i) => String(view.getUint16(i * 2, true));
    case 'UINT32':
      return (i) => String(view.getUint32(i * 4, true));
    case 'UINT64':
      return (i) => String(view.getBigUint64(i * 8, true));
    case 'INT8':
      return (i) => String(view.getInt8(i));
    case 'INT16':
      return (i) => String(view.getInt16(i * 2, true));
    case 'INT32':
      return (i) => String(view.getInt32(i * 4, true));
    case 'INT64':
      return (i) => String(view.getBigInt64(i * 8, true));
    case 'FP32':
      return (i) => floatToJson(view.getFloat32(i * 4, true));
    case 'FP64':
      return (i) => floatToJson(view.getFloat64(i * 8, true));
    case 'FP16':
      throw unfit(
        'tensor_invalid',
        'sending FP16 data via JSON is not supported. Please use the binary data format for output',
      );
    case 'BYTES':
      throw unfit('tensor_invalid', 'texts have no fixed size');
  }
}

/** The elements of a numeric tensor as JavaScript values; 64-bit integers as bigint, BOOL as 0 and 1. Not for FP16 and BYTES. */
export function tensorValues({ data, datatype }: Tensor): (number | bigint)[] {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const readers: Readonly<Partial<Record<Datatype, (at: number) => number | bigint>>> = {
    BOOL: (at) => view.getUint8(at),
    UINT8: (at) => view.getUint8(at),
    UINT16: (at) => view.getUint16(at, true),
    UINT32: (at) => view.getUint32(at, true),
    UINT64: (at) => view.getBigUint64(at, true),
    INT8: (at) => view.getInt8(at),
    INT16: (at) => view.getInt16(at, true),
    INT32: (at) => view.getInt32(at, true),
    INT64: (at) => view.getBigInt64(at, true),
    FP32: (at) => view.getFloat32(at, true),
    FP64: (at) => view.getFloat64(at, true),
  };
  const read = readers[datatype];
  if (!read) throw unfit('tensor_invalid', `${datatype} has no numeric elements`);
  const size = elementBytes[datatype];
  const values: (number | bigint)[] = [];
  for (let at = 0; at < data.byteLength; at += size) values.push(read(at));
  return values;
}
