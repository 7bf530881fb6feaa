import type { BinaryBody } from '../../server/model-server.port.js';

/** The part of the model server that an inference needs. */
export interface InferencePort {
  infer(name: string, version: string, request: BinaryBody, timeoutMs: number): Promise<BinaryBody>;
}

export interface ContentIn {
  readonly kind: 'json' | 'binary';
  readonly body: Uint8Array;
  /** Of a binary body: how much of it is JSON. */
  readonly headerLength?: number;
  readonly timeoutMs: number;
}

export interface ContentOut {
  readonly kind: 'json' | 'binary';
  readonly chunks: readonly Uint8Array[];
  readonly byteLength: number;
  readonly headerLength?: number;
}
