/** Why a database was not brought up to date. Never leaves the process that starts a cluster, so it has codes of its own. */
export type MigrationErrorCode =
  /** The database has migrations that this code does not know. */
  | 'data_newer_than_code'
  /** A migration that was applied has another text now. */
  | 'migration_changed'
  /** A migration's SQL was refused; nothing of it was kept. */
  | 'migration_failed'
  /** A folder under `prisma/migrations` is not a migration. */
  | 'migration_invalid'
  /** The login given cannot create schemas and roles. */
  | 'not_administrator';

/** `message` is one line for the operator; it holds no password. */
export class MigrationError extends Error {
  override readonly name = 'MigrationError';

  constructor(
    readonly code: MigrationErrorCode,
    message: string,
    /** The migrations it is about. */
    readonly migrations: readonly string[] = [],
    cause?: unknown,
  ) {
    super(message, cause === undefined ? undefined : { cause });
  }
}
