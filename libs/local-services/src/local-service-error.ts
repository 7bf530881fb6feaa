/** Why a local Postgres, Redis or Triton could not be had or started: one line for a person, with what to do about it. */
export class LocalServiceError extends Error {
  override readonly name = 'LocalServiceError';
  readonly code:
    | 'redis_not_found'
    | 'postgres_not_found'
    | 'service_failed'
    | 'data_corrupt'
    | 'disk_full'
    | 'triton_unavailable'
    | 'root_without_namespaces';

  constructor(code: LocalServiceError['code'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
