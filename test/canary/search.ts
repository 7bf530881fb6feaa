import { constants, inflateRawSync, inflateSync } from 'node:zlib';
import { type Form, formsOf } from './forms.js';

/** Something of a person's that can be told again wherever it turns up. */
export interface Canary {
  readonly name: string;
  readonly text: string;
}

export interface Finding {
  readonly canary: string;
  readonly form: string;
  /** What had to be opened to see it, from the outside in. */
  readonly inside: readonly string[];
  /** Some of what stands around it, where it can be read. */
  readonly around: string;
}

const deepest = 4;
const mostInflatedBytes = 32 * 2 ** 20;
const mostCompressedBytes = 8 * 2 ** 20;

interface Needle extends Form {
  readonly canary: string;
}

// Asked for every byte: looking `Math` up in a test's own global object would cost more than all the rest.
const { imul } = Math;

/** Spread over 2^16 places: 64 KiB that stay in the processor's cache. */
const hashOf = (fourBytes: number): number => imul(fourBytes, 0x9e3779b1) >>> 16;

/**
 * Looks for canaries in bytes of any kind, and in what is compressed or encoded within them. One pass for all forms of all
 * canaries: the first four bytes of each are looked up by a hash, and only what fits is compared.
 */
export class CanarySearch {
  readonly #byHash = new Map<number, Needle[]>();
  readonly #isFirst = new Uint8Array(2 ** 16);

  constructor(canaries: readonly Canary[]) {
    for (const { name, text } of canaries) {
      for (const form of formsOf(text)) {
        const hash = hashOf(form.bytes.readInt32LE(0));
        this.#isFirst[hash] = 1;
        this.#byHash.set(hash, [...(this.#byHash.get(hash) ?? []), { ...form, canary: name }]);
      }
    }
  }

  /** Each form of a canary at most once a layer. `asValue`: these bytes may be one compressed whole without a head. */
  search(bytes: Buffer, { asValue = false } = {}): readonly Finding[] {
    return this.#within(bytes, [], asValue);
  }

  #within(bytes: Buffer, inside: readonly string[], asValue: boolean): readonly Finding[] {
    const findings = this.#here(bytes, inside);
    if (inside.length >= deepest) return findings;
    for (const { kind, content } of layersIn(bytes, asValue))
      findings.push(...this.#within(content, [...inside, kind], true));
    return findings;
  }

  #here(bytes: Buffer, inside: readonly string[]): Finding[] {
    const isFirst = this.#isFirst;
    const found = new Map<Needle, number>();
    let four = 0;
    for (let at = 0; at < bytes.length; at += 1) {
      four = (four >>> 8) | ((bytes[at] ?? 0) << 24);
      if (at < 3 || isFirst[hashOf(four)] === 0) continue;
      const start = at - 3;
      for (const needle of this.#byHash.get(hashOf(four)) ?? []) {
        const end = start + needle.bytes.length;
        if (!found.has(needle) && end <= bytes.length && needle.bytes.compare(bytes, start, end) === 0)
          found.set(needle, start);
      }
    }
    return [...found].map(([{ canary, name, bytes: needle }, at]) => ({
      canary,
      form: name,
      inside,
      around: around(bytes, at, needle.length),
    }));
  }
}

function around(bytes: Buffer, at: number, length: number): string {
  return bytes
    .subarray(Math.max(0, at - 60), at + length + 60)
    .toString('latin1')
    .replace(/[^\x20-\x7e]+/g, '·');
}

interface Layer {
  readonly kind: string;
  readonly content: Buffer;
}

/** What is compressed in `bytes`, wherever it begins, and runs of base64 that hold a gzip. */
function* layersIn(bytes: Buffer, asValue: boolean): Generator<Layer> {
  for (const at of placesOf(bytes, Buffer.from([0x1f, 0x8b, 0x08])))
    yield* opened('gzip', bytes, at + gzipHeadLength(bytes, at), inflateRawSync);
  // 0x78 and a second byte that makes the pair a multiple of 31 (RFC 1950): the four levels that compressors write.
  for (const level of [0x01, 0x5e, 0x9c, 0xda])
    for (const at of placesOf(bytes, Buffer.from([0x78, level])))
      if (mayBeDeflate(bytes, at + 2)) yield* opened('zlib', bytes, at, inflateSync);
  for (const at of placesOf(bytes, Buffer.from('PK\x03\x04', 'latin1'))) {
    if (at + 30 > bytes.length || bytes.readUInt16LE(at + 8) !== 8) continue;
    const head = 30 + bytes.readUInt16LE(at + 26) + bytes.readUInt16LE(at + 28);
    yield* opened('zip', bytes, at + head, inflateRawSync);
  }
  if (asValue && !isText(bytes) && mayBeDeflate(bytes, 0)) yield* opened('deflate', bytes, 0, inflateRawSync);
  for (const at of placesOf(bytes, Buffer.from('H4sI'))) {
    const run = /^[A-Za-z0-9+/_-]{24,}/.exec(bytes.toString('latin1', at, at + mostCompressedBytes))?.[0];
    if (run) yield { kind: 'base64', content: Buffer.from(run.replaceAll('-', '+').replaceAll('_', '/'), 'base64') };
  }
}

/** What is compressed is never readable: most values need not be tried. */
function isText(bytes: Buffer): boolean {
  const length = Math.min(bytes.length, 4_096);
  for (let at = 0; at < length; at += 1) {
    const byte = bytes[at] ?? 0;
    if (byte > 0x7e || (byte < 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09)) return false;
  }
  return true;
}

function* placesOf(bytes: Buffer, mark: Buffer): Generator<number> {
  for (let at = bytes.indexOf(mark); at >= 0; at = bytes.indexOf(mark, at + 1)) yield at;
}

type Inflate = (input: Buffer, options: { finishFlush: number; maxOutputLength: number }) => Buffer;

function* opened(kind: string, bytes: Buffer, at: number, inflate: Inflate): Generator<Layer> {
  if (at >= bytes.length) return;
  const content = inflated(bytes.subarray(at, at + mostCompressedBytes), inflate);
  if (content && content.length > 0) yield { kind, content };
}

/** Whether a first block of RFC 1951 may begin here: nearly all that only looks like zlib's head is told apart by it. */
function mayBeDeflate(bytes: Buffer, at: number): boolean {
  if (at + 5 > bytes.length) return false;
  const head = bytes.readUInt16LE(at);
  const type = (head >> 1) & 3;
  if (type === 0) return (bytes.readUInt16LE(at + 1) ^ bytes.readUInt16LE(at + 3)) === 0xffff;
  return type === 1 || (type === 2 && ((head >> 3) & 31) <= 29 && ((head >> 8) & 31) <= 29);
}

/** RFC 1952, 2.3: ten bytes, then what the flags announce. The check at the end is not asked: what follows may be anything. */
function gzipHeadLength(bytes: Buffer, at: number): number {
  const flags = bytes[at + 3] ?? 0;
  let length = 10;
  if (flags & 4) length += 2 + (at + length + 2 <= bytes.length ? bytes.readUInt16LE(at + length) : 0);
  for (const named of [8, 16]) if (flags & named) length = Math.max(length, bytes.indexOf(0, at + length) + 1 - at);
  return flags & 2 ? length + 2 : length;
}

/** How much to take where the whole does not open: a database's pages cut through what lies on two of them. */
const beginnings = [mostCompressedBytes, 1_024];

/** As much as can be had: a stream may break off, or be followed by something else. */
function inflated(input: Buffer, inflate: Inflate): Buffer | undefined {
  for (const length of beginnings) {
    if (length > input.length && length !== beginnings[0]) continue;
    try {
      return inflate(input.subarray(0, length), {
        finishFlush: constants.Z_SYNC_FLUSH,
        maxOutputLength: mostInflatedBytes,
      });
    } catch {
      // Not compressed at all, or not so far.
    }
  }
  return undefined;
}
