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

/** The elements of a BYTES tensor, as views of its data; throws `tensor_invalid` where a length runs past the end. */
export function bytesElements(tensor: Pick<Tensor, 'name' | 'data'>): Uint8Array[] {
  const { data, name } = tensor;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const elements: Uint8Array[] = [];
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
    elements.push(data.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return elements;
}
