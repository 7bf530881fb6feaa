import { withoutLogin } from '#access';
import { withoutLocalPaths } from '#config';
import type { DatabaseApp } from '#contracts';
import { type Database, databaseError, loginOf } from '#persistence';
import type { DatabaseLogins } from './engine/access.ports.js';

/** Logins in Postgres, by the functions that the migration leaves to governance alone. */
export class SqlDatabaseLogins implements DatabaseLogins {
  private prefix: Promise<string> | undefined;
  /** Where to log in, as others may be told it. */
  readonly url: string;

  /** `url`: where the nodes reach the database; what is governance's own in it is not told. */
  constructor(
    private readonly database: Pick<Database, 'pool'>,
    url: string,
  ) {
    this.url = withoutLocalPaths(withoutLogin(url));
  }

  async loginOf(app: DatabaseApp, nodeId: string): Promise<string> {
    this.prefix ??= this.ask('SELECT governance.role_prefix() AS value', []);
    return loginOf(await this.prefix, app, nodeId);
  }

  async close(login: string): Promise<void> {
    await this.ask('SELECT governance.close_login($1) AS value', [login]);
    await this.ask('SELECT governance.end_sessions($1) AS value', [login]);
  }

  async reopen(login: string): Promise<void> {
    await this.ask('SELECT governance.reopen_login($1) AS value', [login]);
  }

  private async ask(text: string, values: string[]): Promise<string> {
    try {
      const { rows } = await this.database.pool.query<{ value: string }>(text, values);
      return rows[0]?.value ?? '';
    } catch (error) {
      throw databaseError(error);
    }
  }
}
