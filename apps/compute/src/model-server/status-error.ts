/**
 * An answer other than success, with its HTTP status. The statuses are Triton's: 400 what does not fit, 404 unknown, 500
 * what cannot be read or failed, 501 unsupported, 503 not available.
 */
export class StatusError extends Error {
  override readonly name = 'StatusError';

  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}
