/** Under the URL of a place that takes content one by one: the same, many at once. */
export const contentBatchSuffix = '/batch';
export const contentBatchType = 'application/vnd.watershed.content-batch';
/** Milliseconds that the sender will still wait; less than the receiver's own limit counts. */
export const timeoutHeader = 'watershed-timeout-ms';
/** Contents of one batch at most. */
export const contentBatchLimit = 64;
/** Larger contents go alone: a receiver looks at a content's token only when it has the whole frame. */
export const contentBatchBodyBytes = 65_536;

/**
 * One content of a batch, or the answer to one. `token` is empty in an answer, `status` is 0 in a content.
 *
 *   u32 bytes that follow | u32 id | u16 status | u8 kind | u8 token's bytes | u32 header's bytes | token | body
 */
export interface ContentFrame {
  /** Joins an answer to its content; any number of the sender's. */
  readonly id: number;
  readonly status: number;
  readonly kind: 'json' | 'binary';
  readonly token: string;
  /** Of a binary body: how much of it is JSON. */
  readonly headerLength?: number;
  readonly body: Uint8Array;
}

const lengthBytes = 4;
const headBytes = 12;

/** Bytes to send, in pieces, so that a body is not copied twice. */
export function encodeFrame(frame: ContentFrame): [head: Buffer, body: Uint8Array] {
  const tokenBytes = frame.token.length;
  const head = Buffer.allocUnsafe(lengthBytes + headBytes + tokenBytes);
  head.writeUInt32BE(headBytes + tokenBytes + frame.body.byteLength, 0);
  head.writeUInt32BE(frame.id, 4);
  head.writeUInt16BE(frame.status, 8);
  head.writeUInt8(frame.kind === 'json' ? 0 : 1, 10);
  head.writeUInt8(tokenBytes, 11);
  head.writeUInt32BE(frame.headerLength ?? 0, 12);
  head.write(frame.token, lengthBytes + headBytes, 'latin1');
  return [head, frame.body];
}

/** A frame as it was read; its body is a view of what came. */
export interface ReceivedFrame extends ContentFrame {
  readonly body: Buffer;
}

/** Cuts a stream of bytes into frames. Holds back what is not yet whole, never more than one frame of the limit. */
export class FrameReader {
  private pieces: Buffer[] = [];
  private held = 0;
  private wanted = lengthBytes;

  constructor(private readonly maxBodyBytes: number) {}

  /** Whether nothing is held back: a stream may end here. */
  get empty(): boolean {
    return this.held === 0;
  }

  /** Frames that are whole now. Throws a `RangeError` for what cannot be a frame, or is beyond the limit. */
  push(chunk: Buffer): ReceivedFrame[] {
    this.pieces.push(chunk);
    this.held += chunk.byteLength;
    if (this.held < this.wanted) return []; // joined once all is there: a body in many pieces is copied once
    const bytes = this.pieces.length === 1 ? chunk : Buffer.concat(this.pieces, this.held);
    const frames: ReceivedFrame[] = [];
    let at = 0;
    for (;;) {
      const left = bytes.byteLength - at;
      this.wanted = left < lengthBytes ? lengthBytes : lengthBytes + this.lengthAt(bytes, at);
      if (left < this.wanted) break;
      frames.push(frameAt(bytes, at, this.wanted));
      at += this.wanted;
    }
    this.held = bytes.byteLength - at;
    this.pieces = this.held > 0 ? [bytes.subarray(at)] : [];
    return frames;
  }

  private lengthAt(bytes: Buffer, at: number): number {
    const length = bytes.readUInt32BE(at);
    if (length < headBytes || length > headBytes + 255 + this.maxBodyBytes) throw new RangeError('not a frame');
    return length;
  }
}

function frameAt(bytes: Buffer, at: number, length: number): ReceivedFrame {
  const tokenAt = at + lengthBytes + headBytes;
  const bodyAt = tokenAt + bytes.readUInt8(at + 11);
  if (bodyAt > at + length) throw new RangeError('not a frame');
  const headerLength = bytes.readUInt32BE(at + 12);
  return {
    id: bytes.readUInt32BE(at + 4),
    status: bytes.readUInt16BE(at + 8),
    kind: bytes.readUInt8(at + 10) === 0 ? 'json' : 'binary',
    token: bytes.toString('latin1', tokenAt, bodyAt),
    ...(headerLength > 0 ? { headerLength } : {}),
    body: bytes.subarray(bodyAt, at + length),
  };
}
