/** Something that keeps the cluster from starting: one line for a person, which says what to do. */
export class StartError extends Error {
  override readonly name = 'StartError';
  readonly code:
    | 'usage'
    | 'port_in_use'
    | 'locked'
    | 'disk_full'
    | 'data_corrupt'
    | 'data_newer'
    | 'not_ready'
    | 'service_failed';

  constructor(code: StartError['code'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
