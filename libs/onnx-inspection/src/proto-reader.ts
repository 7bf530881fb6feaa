import type { FileHandle } from 'node:fs/promises';

/** Thrown for bytes that are no protobuf message, or one beyond what this reader takes. */
export class ProtoError extends Error {
  override readonly name = 'ProtoError';
}

/** A field as it lies in the file: a number, or the place of its bytes. */
export interface ProtoField {
  readonly number: number;
  readonly wire: 'varint' | 'fixed64' | 'bytes' | 'fixed32';
  /** The value of a varint as a signed 64-bit integer; 0 for the other kinds. */
  readonly value: bigint;
  /** Where the bytes of a `bytes` field lie. */
  readonly start: number;
  readonly end: number;
}

/** What is worked through before other work gets its turn: a few tens of milliseconds of it at the densest. */
const windowBytes = 64 * 1024;
/** Longest tag and varint together. */
const headBytes = 20;

/**
 * Reads protobuf's wire format out of a file, a window at a time: the bytes of a field that nobody asks for are stepped
 * over and never read, so that a model of a gigabyte costs what its structure costs. Between windows other work of the
 * process gets its turn.
 */
export class ProtoReader {
  readonly #file: FileHandle;
  readonly #sizeBytes: number;
  #fieldsLeft: number;
  #window: Buffer = Buffer.alloc(0);
  #windowStart = 0;
  #at = 0;

  constructor(file: FileHandle, sizeBytes: number, maxFields: number) {
    this.#file = file;
    this.#sizeBytes = sizeBytes;
    this.#fieldsLeft = maxFields;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Calls `visit` for each field of the message between two places; waits for it only where it answers a promise. */
  async fields(start: number, end: number, visit: (field: ProtoField) => Promise<void> | void): Promise<void> {
    let at = start;
    while (at < end) {
      if (!this.#holds(at, Math.min(headBytes, end - at))) await this.#load(at);
      const field = this.#field(at, end);
      at = field.end;
      const waiting = visit(field);
      if (waiting) await waiting;
    }
  }

  /** The values of a repeated integer field, packed or not. */
  async integers(field: ProtoField, maxCount: number): Promise<bigint[]> {
    if (field.wire === 'varint') return [field.value];
    this.#expectBytes(field);
    const values: bigint[] = [];
    let at = field.start;
    while (at < field.end) {
      if (values.length >= maxCount) throw new ProtoError('a list is too long');
      if (!this.#holds(at, Math.min(headBytes, field.end - at))) await this.#load(at);
      this.#at = at;
      values.push(this.#varint(field.end));
      at = this.#at;
    }
    return values;
  }

  async text(field: ProtoField, maxBytes: number): Promise<string> {
    this.#expectBytes(field);
    const length = field.end - field.start;
    if (length > maxBytes) throw new ProtoError(`a name is longer than ${maxBytes} bytes`);
    if (!this.#holds(field.start, length)) await this.#load(field.start);
    const from = field.start - this.#windowStart;
    return this.#window.toString('utf8', from, from + length);
  }

  #expectBytes(field: ProtoField): void {
    if (field.wire !== 'bytes') throw new ProtoError(`field ${field.number} is of another kind`);
  }

  #holds(at: number, length: number): boolean {
    return at >= this.#windowStart && at + length <= this.#windowStart + this.#window.length;
  }

  async #load(at: number): Promise<void> {
    const length = Math.min(windowBytes, this.#sizeBytes - at);
    const buffer = this.#window.length === length ? this.#window : Buffer.allocUnsafe(length);
    let read = 0;
    while (read < length) {
      const { bytesRead } = await this.#file.read(buffer, read, length - read, at + read);
      if (bytesRead === 0) throw new ProtoError('the file ends too early');
      read += bytesRead;
    }
    this.#window = buffer;
    this.#windowStart = at;
  }

  #field(at: number, end: number): ProtoField {
    if (this.#fieldsLeft <= 0) throw new ProtoError('it has too many parts');
    this.#fieldsLeft -= 1;
    this.#at = at;
    const tag = this.#varint(end);
    const number = Number(tag >> 3n);
    if (number < 1 || number > 0x1fffffff) throw new ProtoError('a field has an impossible number');
    switch (Number(tag & 7n)) {
      case 0: {
        const value = this.#varint(end);
        return { number, wire: 'varint', value, start: this.#at, end: this.#at };
      }
      case 1:
        return this.#sized(number, 'fixed64', 8, end);
      case 2: {
        const length = this.#varint(end);
        if (length < 0n || length > BigInt(end - this.#at))
          throw new ProtoError('a field is longer than what holds it');
        return this.#sized(number, 'bytes', Number(length), end);
      }
      case 5:
        return this.#sized(number, 'fixed32', 4, end);
      default:
        throw new ProtoError('a field has a kind that protobuf does not use any more, or never knew');
    }
  }

  #sized(number: number, wire: ProtoField['wire'], length: number, end: number): ProtoField {
    const start = this.#at;
    if (start + length > end) throw new ProtoError('a field is longer than what holds it');
    return { number, wire, value: 0n, start, end: start + length };
  }

  /** A varint at the current place, which it moves; the window holds as much of it as the message does. */
  #varint(end: number): bigint {
    let low = 0;
    let shift = 0;
    let at = this.#at;
    for (; shift < 28; shift += 7) {
      const byte = this.#byte(at, end);
      at += 1;
      low |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        this.#at = at;
        return BigInt(low);
      }
    }
    let value = BigInt(low);
    for (; shift < 70; shift += 7) {
      const byte = this.#byte(at, end);
      at += 1;
      value |= BigInt(byte & 0x7f) << BigInt(shift);
      if (byte < 0x80) {
        this.#at = at;
        return BigInt.asIntN(64, value);
      }
    }
    throw new ProtoError('a number is longer than 64 bits');
  }

  #byte(at: number, end: number): number {
    const byte = at < end ? this.#window[at - this.#windowStart] : undefined;
    if (byte === undefined) throw new ProtoError('it ends in the middle of a number');
    return byte;
  }
}
