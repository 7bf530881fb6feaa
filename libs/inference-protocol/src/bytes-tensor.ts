import type { Tensor } from './datatypes.js';
import { unfit } from './protocol-error.js';

/** Joins elements into the binary form of BYTES: each after its length, 32 bits, little-endian. */
export function packBytes(elements: readonly Uint8Array[]): Uint8Array {
  let size = 0;
  for (const element of elements) size += 4 + element.byteLength;
  const packed = Buffer.allocUnsafe(size);
  let at = 0;
  for (const element of elements) {
    packed.writeUInt32LE(element.byteLength, at);
    packed.set(element, at + 4);
    at += 4 + element.byteLength;
  }
  return packed;
}

/** Texts as a BYTES tensor's data. */
export const packText = (texts: readonly string[]): Uint8Array =>
  packBytes(texts.map((text) => Buffer.from(text, 'utf8')));

/**
 * Calls `each` with the bytes between `start` and `end` of every element of a BYTES tensor; answers their number. Allocates
 * nothing, as there may be tens of millions. Throws `tensor_invalid` where a length runs past the end.
 */
export function eachBytesElement(
  { data, name }: Pick<Tensor, 'name' | 'data'>,
  each?: (start: number, end: number) => void,
): number {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  let count = 0;
  let at = 0;
  while (at < data.byteLength) {
    const left = data.byteLength - at - 4;
    if (left < 0) throw unfit('tensor_invalid', `incomplete string length indicator for inference input '${name}'`);
    const length = view.getUint32(at, true);
    if (length > left) {
      throw unfit(
        'tensor_invalid',
        `incomplete string data for inference input '${name}', expecting string of length ${length} but only ${left} bytes available`,
      );
    }
    each?.(at + 4, at + 4 + length);
    at += 4 + length;
    count++;
  }
  return count;
}

/** The elements of a BYTES tensor, as views of its data. For tensors known to have few. */
export function bytesElements(tensor: Pick<Tensor, 'name' | 'data'>): Uint8Array[] {
  const elements: Uint8Array[] = [];
  eachBytesElement(tensor, (start, end) => {
    elements.push(tensor.data.subarray(start, end));
  });
  return elements;
}

/** Elements of BYTES put one behind the other into memory that grows with them. */
export class BytesPacker {
  private packed = Buffer.allocUnsafe(1024);
  private size = 0;

  add(source: Uint8Array, start: number, end: number): void {
    const length = end - start;
    if (this.size + 4 + length > this.packed.byteLength) {
      const grown = Buffer.allocUnsafe(Math.max(this.packed.byteLength * 2, this.size + 4 + length));
      this.packed.copy(grown, 0, 0, this.size);
      this.packed = grown;
    }
    this.packed.writeUInt32LE(length, this.size);
    for (let i = start, at = this.size + 4; i < end && length <= 64; i++, at++) this.packed[at] = source[i] as number;
    if (length > 64) this.packed.set(source.subarray(start, end), this.size + 4);
    this.size += 4 + length;
  }

  finish(): Uint8Array {
    return this.packed.subarray(0, this.size);
  }
}
