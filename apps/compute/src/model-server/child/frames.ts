import { type Datatype, datatypes } from '#inference-protocol';

/**
 * The channel between the server and a model's process: a socket pair on the process's descriptor 3. A frame is its length
 * (32 bits, without these four bytes), a kind, the number of the request it belongs to, and a payload.
 */
export const FrameKind = { load: 1, infer: 2, loaded: 3, loadFailed: 4, result: 5, failed: 6 } as const;

export const CHANNEL_DESCRIPTOR = 3;
const HEAD_BYTES = 9;

export interface Frame {
  readonly kind: number;
  readonly id: number;
  readonly payload: Buffer;
}

/** A tensor on the channel: `index` is its place in the model's own list of inputs or outputs. */
export interface IndexedTensor {
  readonly index: number;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

/** Pieces below this are copied into one write; larger ones are written where they lie. */
const COPY_BYTES = 32_768;

export function encodeFrame(kind: number, id: number, pieces: readonly Uint8Array[]): Uint8Array[] {
  let size = 0;
  for (const piece of pieces) size += piece.byteLength;
  const small = size <= COPY_BYTES;
  const head = Buffer.allocUnsafe(HEAD_BYTES + (small ? size : 0));
  head.writeUInt32LE(5 + size, 0);
  head.writeUInt8(kind, 4);
  head.writeUInt32LE(id, 5);
  if (!small) return [head, ...pieces];
  let at = HEAD_BYTES;
  for (const piece of pieces) {
    head.set(piece, at);
    at += piece.byteLength;
  }
  return [head];
}

/** Cuts a stream of bytes into frames, whatever pieces it arrives in. */
export class FrameReader {
  private rest: Buffer = Buffer.alloc(0);
  private target: Buffer | undefined;
  private filled = 0;

  constructor(private readonly onFrame: (frame: Frame) => void) {}

  push(chunk: Buffer): void {
    let data = this.rest.byteLength > 0 ? Buffer.concat([this.rest, chunk]) : chunk;
    this.rest = Buffer.alloc(0);
    while (data.byteLength > 0) {
      if (this.target) {
        const taken = data.copy(this.target, this.filled);
        this.filled += taken;
        data = data.subarray(taken);
        if (this.filled < this.target.byteLength) return;
        const body = this.target;
        this.target = undefined;
        this.emit(body);
      } else if (data.byteLength < 4) {
        this.rest = data;
        return;
      } else {
        const size = data.readUInt32LE(0);
        if (data.byteLength >= 4 + size) {
          this.emit(data.subarray(4, 4 + size));
          data = data.subarray(4 + size);
        } else {
          this.target = Buffer.allocUnsafeSlow(size);
          this.filled = 0;
          data = data.subarray(4);
        }
      }
    }
  }

  private emit(body: Buffer): void {
    this.onFrame({ kind: body.readUInt8(0), id: body.readUInt32LE(1), payload: body.subarray(5) });
  }
}

/** Tensors, and a list of numbers beside them (an infer request's wanted outputs, a result's times), as frame pieces. */
export function encodeTensors(tensors: readonly IndexedTensor[], numbers: readonly number[]): Uint8Array[] {
  let size = 4 + numbers.length * 8;
  for (const { shape } of tensors) size += 8 + shape.length * 8;
  const head = Buffer.allocUnsafe(size);
  head.writeUInt16LE(tensors.length, 0);
  head.writeUInt16LE(numbers.length, 2);
  let at = 4;
  for (const number of numbers) at = head.writeDoubleLE(number, at);
  for (const { index, datatype, shape, data } of tensors) {
    at = head.writeUInt16LE(index, at);
    at = head.writeUInt8(datatypes.indexOf(datatype), at);
    at = head.writeUInt8(shape.length, at);
    for (const dimension of shape) at = head.writeDoubleLE(dimension, at);
    at = head.writeUInt32LE(data.byteLength, at);
  }
  return [head, ...tensors.map((tensor) => tensor.data)];
}

export function decodeTensors(payload: Buffer): { tensors: IndexedTensor[]; numbers: number[] } {
  const tensorCount = payload.readUInt16LE(0);
  const numberCount = payload.readUInt16LE(2);
  let at = 4;
  const numbers: number[] = [];
  for (let i = 0; i < numberCount; i++, at += 8) numbers.push(payload.readDoubleLE(at));
  const heads: { index: number; datatype: Datatype; shape: number[]; size: number }[] = [];
  for (let i = 0; i < tensorCount; i++) {
    const index = payload.readUInt16LE(at);
    const datatype = datatypes[payload.readUInt8(at + 2)] ?? 'BYTES';
    const rank = payload.readUInt8(at + 3);
    at += 4;
    const shape: number[] = [];
    for (let d = 0; d < rank; d++, at += 8) shape.push(payload.readDoubleLE(at));
    heads.push({ index, datatype, shape, size: payload.readUInt32LE(at) });
    at += 4;
  }
  const tensors = heads.map(({ index, datatype, shape, size }) => {
    const data = payload.subarray(at, at + size);
    at += size;
    return { index, datatype, shape, data };
  });
  return { tensors, numbers };
}

/** What a model's process is told to open: a file, or (with `bytes` in the frame) a model that came in a request. */
export interface LoadOrder {
  readonly path?: string;
  readonly threads: number;
}

export const encodeLoad = (order: LoadOrder, bytes: Uint8Array | undefined): Uint8Array[] => {
  const json = Buffer.from(JSON.stringify(order));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(json.byteLength);
  return bytes ? [length, json, bytes] : [length, json];
};

export function decodeLoad(payload: Buffer): { order: LoadOrder; bytes: Buffer | undefined } {
  const end = 4 + payload.readUInt32LE(0);
  const order = JSON.parse(payload.toString('utf8', 4, end)) as LoadOrder;
  return { order, bytes: order.path === undefined ? payload.subarray(end) : undefined };
}
