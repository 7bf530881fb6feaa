import { WatershedError } from '#errors';

/** The codes a refused message can carry. */
export type ProtocolErrorCode =
  | 'malformed_body'
  | 'invalid_request'
  | 'tensor_invalid'
  | 'tensor_out_of_range'
  | 'tensor_shape_mismatch'
  | 'input_too_deep';

/**
 * Which kind of mistake it is. Triton answers 500 for what it cannot read (`unreadable`: not JSON, a member missing or of
 * another type, an element of another type) and 400 for what does not fit the model (`unfit`). Servers that imitate it need
 * the difference; everyone else reads `code`.
 */
export type ProtocolFault = 'unreadable' | 'unfit';

/** A message that is not one of the protocol, or does not fit the model. */
export class ProtocolError extends WatershedError {
  override readonly name = 'ProtocolError';

  constructor(
    code: ProtocolErrorCode,
    readonly fault: ProtocolFault,
    message: string,
  ) {
    super(code, message);
  }
}

export const unreadable = (code: ProtocolErrorCode, message: string): ProtocolError =>
  new ProtocolError(code, 'unreadable', message);

export const unfit = (code: ProtocolErrorCode, message: string): ProtocolError =>
  new ProtocolError(code, 'unfit', message);
