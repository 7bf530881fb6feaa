// The process of one loaded model: opens it with ONNX Runtime and runs one request after the other. It speaks frames on
// descriptor 3 and ends when that closes. It imports nothing but the runtime and the frames, to stay small.
import { Socket } from 'node:net';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { Datatype } from '#inference-protocol';
import {
  CHANNEL_DESCRIPTOR,
  decodeLoad,
  decodeTensors,
  encodeFrame,
  encodeTensors,
  type Frame,
  FrameKind,
  FrameReader,
  type IndexedTensor,
} from './frames.js';

const channel = new Socket({ fd: CHANNEL_DESCRIPTOR, readable: true, writable: true });
// SIGKILL, as nothing here needs to be put away and native threads may be in the middle of something.
const end = () => process.kill(process.pid, 'SIGKILL');
channel.on('error', end);
channel.on('close', end);
channel.on('end', end);

const send = (kind: number, id: number, pieces: readonly Uint8Array[]): void => {
  for (const piece of encodeFrame(kind, id, pieces)) channel.write(piece);
};
const sendJson = (kind: number, id: number, value: unknown): void =>
  send(kind, id, [Buffer.from(JSON.stringify(value))]);

const datatypeOf: Readonly<Record<string, Datatype>> = {
  bool: 'BOOL',
  uint8: 'UINT8',
  uint16: 'UINT16',
  uint32: 'UINT32',
  uint64: 'UINT64',
  int8: 'INT8',
  int16: 'INT16',
  int32: 'INT32',
  int64: 'INT64',
  float16: 'FP16',
  float32: 'FP32',
  float64: 'FP64',
  string: 'BYTES',
};

let session: InferenceSession | undefined;

const describe = (tensors: readonly InferenceSession.ValueMetadata[]) =>
  tensors.map((tensor) => ({
    name: tensor.name,
    datatype: tensor.isTensor ? datatypeOf[tensor.type] : undefined,
    shape: tensor.isTensor ? tensor.shape.map((size) => (typeof size === 'number' ? size : -1)) : [],
  }));

async function load({ id, payload }: Frame): Promise<void> {
  const { order, bytes } = decodeLoad(payload);
  const options: InferenceSession.SessionOptions = {
    intraOpNumThreads: order.threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    // The arena keeps its peak for ever; without it a large request's memory goes back.
    enableCpuMemArena: false,
    logSeverityLevel: 4,
  };
  try {
    // A model from a request is opened from memory: it can have no files beside it.
    session = await (order.path === undefined
      ? InferenceSession.create(bytes ?? Buffer.alloc(0), options)
      : InferenceSession.create(order.path, options));
    const memoryBytes = process.memoryUsage.rss();
    const inputs = describe(session.inputMetadata);
    const outputs = describe(session.outputMetadata);
    sendJson(FrameKind.loaded, id, { inputs, outputs, memoryBytes });
  } catch (error) {
    sendJson(FrameKind.loadFailed, id, { message: error instanceof Error ? error.message : String(error) });
  }
}

/** The bytes at the start of a buffer of their own: typed arrays need their alignment. */
function aligned(data: Uint8Array): ArrayBuffer {
  const copy = new ArrayBuffer(data.byteLength);
  new Uint8Array(copy).set(data);
  return copy;
}

function texts(data: Buffer): string[] {
  const elements: string[] = [];
  for (let at = 0; at < data.byteLength; ) {
    const length = data.readUInt32LE(at);
    elements.push(data.toString('utf8', at + 4, at + 4 + length));
    at += 4 + length;
  }
  return elements;
}

function toRuntime({ datatype, shape, data }: IndexedTensor): Tensor {
  switch (datatype) {
    case 'BOOL':
      return new Tensor('bool', new Uint8Array(aligned(data)), shape);
    case 'UINT8':
      return new Tensor('uint8', new Uint8Array(aligned(data)), shape);
    case 'UINT16':
      return new Tensor('uint16', new Uint16Array(aligned(data)), shape);
    case 'UINT32':
      return new Tensor('uint32', new Uint32Array(aligned(data)), shape);
    case 'UINT64':
      return new Tensor('uint64', new BigUint64Array(aligned(data)), shape);
    case 'INT8':
      return new Tensor('int8', new Int8Array(aligned(data)), shape);
    case 'INT16':
      return new Tensor('int16', new Int16Array(aligned(data)), shape);
    case 'INT32':
      return new Tensor('int32', new Int32Array(aligned(data)), shape);
    case 'INT64':
      return new Tensor('int64', new BigInt64Array(aligned(data)), shape);
    case 'FP16':
      return new Tensor('float16', new Uint16Array(aligned(data)), shape);
    case 'FP32':
      return new Tensor('float32', new Float32Array(aligned(data)), shape);
    case 'FP64':
      return new Tensor('float64', new Float64Array(aligned(data)), shape);
    case 'BYTES':
      return new Tensor('string', texts(Buffer.from(data.buffer, data.byteOffset, data.byteLength)), shape);
  }
}

function fromRuntime(index: number, tensor: Tensor): IndexedTensor {
  const datatype = datatypeOf[tensor.type];
  if (!datatype) throw new Error(`output ${index} has a type that the protocol does not know: ${tensor.type}`);
  const shape = [...tensor.dims];
  if (tensor.type !== 'string') {
    const { buffer, byteOffset, byteLength } = tensor.data as Exclude<Tensor.DataType, string[]>;
    return { index, datatype, shape, data: new Uint8Array(buffer, byteOffset, byteLength) };
  }
  const pieces: Buffer[] = [];
  for (const text of tensor.data as string[]) {
    const bytes = Buffer.from(text, 'utf8');
    const length = Buffer.alloc(4);
    length.writeUInt32LE(bytes.byteLength);
    pieces.push(length, bytes);
  }
  return { index, datatype, shape, data: Buffer.concat(pieces) };
}

async function infer({ id, payload }: Frame): Promise<void> {
  try {
    if (!session) throw new Error('no model is open');
    const started = process.hrtime.bigint();
    const { tensors, numbers: wanted } = decodeTensors(payload);
    const feeds: Record<string, Tensor> = {};
    for (const tensor of tensors) feeds[session.inputNames[tensor.index] ?? ''] = toRuntime(tensor);
    const fetches = wanted.map((index) => session?.outputNames[index] ?? '');
    const prepared = process.hrtime.bigint();
    const results = await session.run(feeds, fetches);
    const ran = process.hrtime.bigint();
    const outputs = wanted.map((index, i) => fromRuntime(index, results[fetches[i] ?? ''] as Tensor));
    const done = process.hrtime.bigint();
    const times = [Number(prepared - started), Number(ran - prepared), Number(done - ran)];
    send(FrameKind.result, id, encodeTensors(outputs, times));
  } catch (error) {
    sendJson(FrameKind.failed, id, { message: error instanceof Error ? error.message : String(error) });
  }
}

const queue: Frame[] = [];
let running = false;
async function work(): Promise<void> {
  if (running) return;
  running = true;
  for (let frame = queue.shift(); frame; frame = queue.shift())
    await (frame.kind === FrameKind.load ? load(frame) : infer(frame));
  running = false;
}

const reader = new FrameReader((frame) => {
  queue.push(frame);
  void work();
});
channel.on('data', (chunk: Buffer) => reader.push(chunk));
// What a terminal sends to the whole group is the server's to act upon.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);
