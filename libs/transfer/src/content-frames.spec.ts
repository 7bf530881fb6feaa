import fc from 'fast-check';
import { type ContentFrame, encodeFrame, FrameReader } from './content-frames.js';

const frame: fc.Arbitrary<ContentFrame> = fc.record(
  {
    id: fc.nat(),
    status: fc.nat(65_535),
    kind: fc.constantFrom('json' as const, 'binary' as const),
    token: fc.string({ unit: fc.constantFrom(...'abcXYZ019_-'), maxLength: 64 }),
    headerLength: fc.integer({ min: 1, max: 2 ** 32 - 1 }),
    body: fc.uint8Array({ maxLength: 300 }),
  },
  { requiredKeys: ['id', 'status', 'kind', 'token', 'body'] },
);

const plain = ({ body, ...rest }: ContentFrame) => ({ ...rest, body: [...body] });

describe('frames of contents', () => {
  it('are the same again, however the bytes were cut on their way', () => {
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 8 }), fc.array(fc.integer({ min: 1, max: 400 })), (frames, cuts) => {
        const bytes = Buffer.concat(frames.flatMap(encodeFrame));
        const reader = new FrameReader(300);
        const read: ContentFrame[] = [];
        let at = 0;
        for (const size of [...cuts, bytes.byteLength]) {
          if (at < bytes.byteLength) read.push(...reader.push(bytes.subarray(at, at + size)));
          at += size;
        }
        expect(read.map(plain)).toEqual(frames.map(plain));
        expect(reader.empty).toBe(true);
      }),
    );
  });

  it('hold back what is not whole', () => {
    const bytes = Buffer.concat(encodeFrame({ id: 1, status: 0, kind: 'json', token: 't', body: Buffer.from('abc') }));
    const reader = new FrameReader(3);
    expect(reader.push(bytes.subarray(0, -1))).toEqual([]);
    expect(reader.empty).toBe(false);
    expect(reader.push(bytes.subarray(-1))).toHaveLength(1);
  });

  it.each([
    ['shorter than its head', Buffer.from([0, 0, 0, 11])],
    ['larger than the limit', Buffer.from([0, 1, 0, 0])],
    ['with a token that passes its end', Buffer.from([0, 0, 0, 12, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0])],
  ])('are refused when one is %s', (_, bytes) => {
    expect(() => new FrameReader(100).push(bytes)).toThrow(RangeError);
  });
});
