import { createHash } from 'node:crypto';
import pg from 'pg';
import { databaseApps } from '#contracts';
import {
  type InstanceOf,
  loginOf,
  onlyInstance,
  type PasswordFor,
  roleOf,
  schemaOf,
  scramVerifier,
} from './app-role.js';
import { loginFunctions } from './login-functions.js';

const name = pg.escapeIdentifier;

/** The first instance of each app, as a launcher starts it. */
export interface FirstLogins {
  readonly passwordFor: PasswordFor;
  readonly instanceOf?: InstanceOf;
}

const loginFor = (rolePrefix: string, { instanceOf = onlyInstance }: FirstLogins) =>
  databaseApps.map((app) => ({ app, login: loginOf(rolePrefix, app, instanceOf(app)) }));

/** Changes with these statements, a login's name or password; kept beside the data so that a start that changes nothing asks once. */
export function rolesDigest(rolePrefix: string, logins: FirstLogins): string {
  const hash = createHash('sha256').update(loginFunctions('', '').join());
  for (const { app, login } of loginFor(rolePrefix, logins)) {
    hash.update(`${roleOf(rolePrefix, app)}\0${login}\0${logins.passwordFor(app)}\0`);
  }
  return hash.digest('hex');
}

/**
 * One role an app, which may read and write the rows of its own schema and nothing else: no other schema, no DDL, no
 * temporary tables. Nobody logs in as it; every instance has a login that inherits it. Run after every migration, because
 * grants on "all tables" mean those of that moment. A login that was shut stays so: only its making lets it in.
 */
export function roleStatements(database: string, rolePrefix: string, logins: FirstLogins): readonly string[] {
  const perApp = loginFor(rolePrefix, logins).flatMap(({ app, login }) => {
    const role = roleOf(rolePrefix, app);
    const schema = name(schemaOf(app));
    const verifier = pg.escapeLiteral(scramVerifier(login, logins.passwordFor(app)));
    return [
      `DO $$ BEGIN CREATE ROLE ${name(role)}; EXCEPTION WHEN duplicate_object THEN NULL; END $$`,
      `ALTER ROLE ${name(role)} NOLOGIN NOINHERIT PASSWORD NULL`,
      `CREATE SCHEMA IF NOT EXISTS ${schema}`,
      `REVOKE ALL ON SCHEMA ${schema} FROM PUBLIC`,
      `GRANT USAGE ON SCHEMA ${schema} TO ${name(role)}`,
      `GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${schema} TO ${name(role)}`,
      `GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA ${schema} TO ${name(role)}`,
      `GRANT CONNECT ON DATABASE ${name(database)} TO ${name(role)}`,
      `DO $$ BEGIN CREATE ROLE ${name(login)} LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$`,
      `ALTER ROLE ${name(login)} INHERIT PASSWORD ${verifier}`,
      `ALTER ROLE ${name(login)} SET search_path = ${schema}`,
      `GRANT ${name(role)} TO ${name(login)}`,
    ];
  });
  return [
    'REVOKE CREATE ON SCHEMA public FROM PUBLIC',
    `REVOKE ALL ON DATABASE ${name(database)} FROM PUBLIC`,
    ...perApp,
    ...loginFunctions(rolePrefix, name(roleOf(rolePrefix, 'governance'))),
  ];
}

export const roleNames = (rolePrefix: string, logins: FirstLogins): string[] => [
  ...databaseApps.map((app) => roleOf(rolePrefix, app)),
  ...loginFor(rolePrefix, logins).map(({ login }) => login),
];
