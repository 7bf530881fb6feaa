/** A log that does not hold from this entry on. */
export class LogRefusedError extends Error {
  override readonly name = 'LogRefusedError';

  constructor(
    readonly seq: number,
    readonly reason: string,
    options?: ErrorOptions,
  ) {
    super(`Entry ${seq} of the log of decisions does not hold: ${reason}`, options);
  }
}
