import fc from 'fast-check';
import {
  decodeLoad,
  decodeTensors,
  encodeFrame,
  encodeLoad,
  encodeTensors,
  type Frame,
  FrameReader,
  type IndexedTensor,
} from './frames.js';

describe('frames', () => {
  it('arrive whole however the stream is cut', () => {
    const frame = fc.record({
      kind: fc.integer({ min: 1, max: 6 }),
      id: fc.nat(),
      payload: fc.uint8Array({ maxLength: 300 }),
    });
    fc.assert(
      fc.property(
        fc.array(frame, { maxLength: 8 }),
        fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }),
        (frames, cuts) => {
          const stream = Buffer.concat(frames.flatMap(({ kind, id, payload }) => encodeFrame(kind, id, [payload])));
          const got: Frame[] = [];
          const reader = new FrameReader((own) => got.push({ ...own, payload: Buffer.from(own.payload) }));
          for (let at = 0, i = 0; at < stream.byteLength; i++) {
            const size = cuts[i % cuts.length] as number;
            reader.push(stream.subarray(at, at + size));
            at += size;
          }
          expect(got).toEqual(frames.map((own) => ({ ...own, payload: Buffer.from(own.payload) })));
        },
      ),
    );
  });

  it('are written in place when they are large', () => {
    const payload = Buffer.alloc(100_000, 7);
    const pieces = encodeFrame(2, 9, [payload]);
    expect(pieces[1]).toBe(payload);
    const got: Frame[] = [];
    new FrameReader((own) => got.push(own)).push(Buffer.concat(pieces));
    expect(got[0]?.payload.equals(payload)).toBe(true);
  });
});

describe('what frames carry', () => {
  it('tensors and numbers', () => {
    const tensors: IndexedTensor[] = [
      { index: 3, datatype: 'FP16', shape: [2, 0, 2 ** 40], data: Buffer.from([1, 2, 3]) },
      { index: 0, datatype: 'BYTES', shape: [], data: Buffer.alloc(0) },
    ];
    const read = decodeTensors(Buffer.concat(encodeTensors(tensors, [1, 2.5])));
    expect(read.numbers).toEqual([1, 2.5]);
    expect(read.tensors.map((own) => ({ ...own, data: Buffer.from(own.data) }))).toEqual(tensors);
  });

  it('a file, or a model itself', () => {
    expect(decodeLoad(Buffer.concat(encodeLoad({ path: '/a', threads: 2 }, undefined)))).toEqual({
      order: { path: '/a', threads: 2 },
      bytes: undefined,
    });
    const { bytes } = decodeLoad(Buffer.concat(encodeLoad({ threads: 1 }, Buffer.from('onnx'))));
    expect(bytes?.toString()).toBe('onnx');
  });
});
